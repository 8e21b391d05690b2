// The header of one GGUF file, judged whole: nothing of it is used before all of it is known to be sound.
#pragma once

#include <vector>

#include "core/base/file.h"
#include "core/base/result.h"
#include "core/formats/gguf_value.h"
#include "core/formats/tensor.h"

namespace fabula::formats {

struct ParsedGguf {
  uint32_t version = 0;
  GgufMetadata metadata;
  std::vector<TensorInfo> tensors;  // in the file's order; offsets from the start of the file
  uint64_t data_begin = 0;
};

// Judges the header alone; the tensors need not lie in the file. Errors: corrupt, unsupported, io; the
// message begins with the file's path.
Result<ParsedGguf> parse_gguf_header(const File& file);

// parse_gguf_header, and every byte of every tensor is in the file (padding behind the last one may be
// missing, as it is in some files).
Result<ParsedGguf> parse_gguf(const File& file);

}  // namespace fabula::formats
