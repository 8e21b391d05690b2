// Writes a GGUF file (version 3, little-endian) tensor by tensor, so that no more than what the caller holds
// is in memory. The file appears under its name only when it is whole: it is written beside it, synced, and
// renamed.
//
//   GgufWriter writer; writer.set("general.architecture", GgufValue::text("llama"));
//   writer.add_tensor("token_embd.weight", DType::q8_0, {2048, 128});
//   begin(path); for each tensor, in order: write(bytes) once or more; finish();
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/formats/gguf_value.h"
#include "core/formats/tensor.h"

namespace fabula::formats {

class GgufWriter {
 public:
  GgufWriter() = default;
  ~GgufWriter();  // removes what was not finished
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;

  // Before begin(). "general.architecture" is written first, the others in the order of their names.
  void set(std::string key, GgufValue value) { metadata_.insert_or_assign(std::move(key), std::move(value)); }
  void add_tensor(std::string name, DType type, std::vector<int64_t> shape);  // shape outermost first

  // Errors: io (a full disk, a folder that is read-only), invalid_argument (a name or shape that GGUF cannot
  // hold).
  Status begin(const std::filesystem::path& path);
  // The next bytes of the current tensor; the next one begins when all of its bytes are there.
  Status write(std::span<const std::byte> bytes);
  Status finish();  // errors also where bytes are missing

 private:
  struct Tensor {
    std::string name;
    DType type;
    std::vector<int64_t> shape;
    uint64_t bytes;
  };
  std::string header() const;
  Status put(std::span<const std::byte> bytes);
  Status flush();
  Status pad();

  GgufMetadata metadata_;
  std::vector<Tensor> tensors_;
  std::filesystem::path path_, temporary_;
  std::string buffer_;
  int descriptor_ = -1;
  size_t current_ = 0;               // tensor being written
  uint64_t written_of_current_ = 0;  // bytes of it so far
};

}  // namespace fabula::formats
