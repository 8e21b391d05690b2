// Copies of converted weights, as they stand in memory, so that the second load of a model with a conversion
// costs what reading costs. A copy is a file of our own: <folder>/<key>.panels.
//
// Goals: a hit gives bit-equal weights; a damaged, cut or foreign file is deleted and the weights are converted
// again; the folder stays under its cap; nothing that goes wrong here is an error of the load.
// Non-goals: copies of what is merely packed (packing runs at the memory's speed, a copy would only be read
// instead of the model's own file), and of float conversions, which do too. Copies are read, not mapped: mapped
// files get no huge pages, and one cut short by another program would be a SIGBUS.
// The panels are the same on every instruction set, so the key names none.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "core/base/hash.h"
#include "core/base/result.h"
#include "core/compute/cpu/weight_list.h"

namespace fabula::compute::cpu {

// Which copy would hold these weights, and where.
struct PackedCopy {
  std::filesystem::path file;
  Sha256Digest key{};
  uint64_t bytes = 0;       // of the panels
  uint64_t folder_cap = 0;  // bytes
};

// None where the options name no folder or no model, or where no float matrix becomes a quantised one.
// The types and offsets of the matrices are chosen already.
std::optional<PackedCopy> packed_copy_of(std::span<const MatrixJob> matrices, uint64_t bytes, const LoadOptions& options);

// Fills `panels` (copy.bytes long) and the relative error of each matrix. False: there is no usable copy, and what
// was there is deleted; `panels` may then hold anything. Errors: cancelled.
Result<bool> read_packed(const PackedCopy& copy, std::span<uint8_t> panels, std::span<TensorReport> reports, const LoadOptions& options);

// Writes a copy on a thread of its own, of lowest priority, while the model is in use already. Destroying it waits
// at most `grace` for the rest; an unfinished file is removed.
class PackedWriter {
 public:
  static constexpr std::chrono::milliseconds grace{1000};

  // `panels` must stay as they are until this is destroyed.
  PackedWriter(PackedCopy copy, std::span<const uint8_t> panels, std::span<const TensorReport> reports);
  ~PackedWriter();

 private:
  void write() const;
  bool write_file(int descriptor) const;

  PackedCopy copy_;
  std::span<const uint8_t> panels_;
  std::vector<double> errors_;
  std::atomic<std::chrono::steady_clock::rep> deadline_;
  std::thread thread_;
};

}  // namespace fabula::compute::cpu
