#include "core/compute/cpu/packed_cache.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <system_error>

#include "core/base/file.h"
#include "core/compute/cpu/packed_folder.h"
#include "core/compute/cpu/row_stream.h"

namespace fabula::compute::cpu {

namespace {

// Raised whenever panels, or what a quantiser makes of floats, change by a bit.
constexpr uint32_t packing_revision = 2;
constexpr size_t run_bytes = size_t{1} << 20;  // has a checksum of its own, and is read by one thread
constexpr size_t page_bytes = 4096;

struct Header {
  char magic[8] = {'F', 'A', 'B', 'P', 'A', 'N', 'E', 'L'};
  uint32_t revision = packing_revision;
  uint32_t matrices = 0;
  uint64_t bytes = 0;
  Sha256Digest key{};
  uint64_t table_checksum = 0;
};
static_assert(sizeof(Header) == 64);

// Finds damage, not malice: four lanes of multiply and rotate, about as fast as memory is read.
uint64_t checksum(const void* data, size_t size) {
  constexpr uint64_t odd = 0x9e3779b97f4a7c15ull, mixer = 0xbf58476d1ce4e5b9ull;
  uint64_t lane[4] = {odd, odd + 2, odd + 4, size};
  const auto* p = static_cast<const uint8_t*>(data);
  const auto fold = [&](const uint8_t* at, int i) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    lane[i] = std::rotl(lane[i] + word * mixer, 31) * odd;
  };
  size_t at = 0;
  for (; at + 32 <= size; at += 32)
    for (int i = 0; i < 4; ++i) fold(p + at + 8 * i, i);
  uint8_t rest[32] = {};
  if (at < size) std::memcpy(rest, p + at, size - at);
  for (int i = 0; i < 4; ++i) fold(rest + 8 * i, i);
  uint64_t sum = 0;
  for (const uint64_t l : lane) sum = (std::rotl(sum, 27) ^ l) * mixer;
  return sum ^ sum >> 29;
}

// Behind the header: the relative error of each matrix, then the checksum of each run.
struct Table {
  std::vector<uint64_t> words;
  Table(size_t matrices, size_t runs) : words(matrices + runs) {}
  size_t bytes() const { return words.size() * 8; }
  uint64_t sum() const { return checksum(words.data(), bytes()); }
};

size_t runs_of(uint64_t bytes) { return static_cast<size_t>((bytes + run_bytes - 1) / run_bytes); }
uint64_t payload_begin(const Table& table) { return (sizeof(Header) + table.bytes() + page_bytes - 1) / page_bytes * page_bytes; }

std::span<const uint8_t> run_of(std::span<const uint8_t> panels, size_t i) {
  const size_t begin = i * run_bytes;
  return panels.subspan(begin, std::min(run_bytes, panels.size() - begin));
}

Header header_of(const PackedCopy& copy, size_t matrices, const Table& table) {
  return {.matrices = static_cast<uint32_t>(matrices), .bytes = copy.bytes, .key = copy.key, .table_checksum = table.sum()};
}

Status damaged() { return Error{ErrorCode::corrupt, "the packed copy is damaged"}; }

Status read_copy(const File& file, const PackedCopy& copy, std::span<uint8_t> panels, std::span<TensorReport> reports,
                 const LoadOptions& options) {
  Table table(reports.size(), runs_of(copy.bytes));
  const uint64_t begin = payload_begin(table);
  if (file.size_bytes() != begin + copy.bytes) return damaged();
  Header found;
  FABULA_TRY(file.read_at(0, std::as_writable_bytes(std::span(&found, 1))));
  FABULA_TRY(file.read_at(sizeof found, std::as_writable_bytes(std::span(table.words))));
  const Header expected = header_of(copy, reports.size(), table);
  if (std::memcmp(&found, &expected, sizeof found) != 0) return damaged();
  for (size_t i = 0; i < reports.size(); ++i) reports[i].relative_error = std::bit_cast<double>(table.words[i]);
  const size_t runs = runs_of(copy.bytes);
  std::atomic<uint64_t> done{0};
  return parallel_each(static_cast<int64_t>(runs), [&](int64_t i) -> Status {
    if (options.cancel && options.cancel->load()) return Error{ErrorCode::cancelled, "loading was cancelled"};
    const size_t at = static_cast<size_t>(i) * run_bytes;
    const auto run = panels.subspan(at, std::min(run_bytes, panels.size() - at));
    FABULA_TRY(file.read_at(begin + at, std::as_writable_bytes(run)));
    return checksum(run.data(), run.size()) == table.words[reports.size() + static_cast<size_t>(i)] ? Status{} : damaged();
  });
}

bool write_at(int descriptor, uint64_t offset, const void* data, size_t size) {
  const auto* p = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::pwrite(descriptor, p, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    size -= static_cast<size_t>(n);
    offset += static_cast<uint64_t>(n);
  }
  return true;
}

}  // namespace

std::optional<PackedCopy> packed_copy_of(std::span<const MatrixJob> matrices, uint64_t bytes, const LoadOptions& options) {
  if (options.packed_folder.empty() || options.model_fingerprint.empty()) return std::nullopt;
  const bool pays = std::any_of(matrices.begin(), matrices.end(), [](const MatrixJob& job) {
    return panel_type_info(job.type).quantised && panel_type_info(job.type).dtype != job.ref.tensor->type;
  });
  if (!pays) return std::nullopt;
  Sha256 hash;
  hash.update("fabula panels");
  hash.update_value(packing_revision);
  hash.update(options.model_fingerprint);
  for (const MatrixJob& job : matrices) {
    hash.update(job.ref.tensor->name);
    for (const int64_t number : {job.ref.row_begin, job.ref.rows, job.ref.cols, job.ref.expert, static_cast<int64_t>(job.arena_offset)})
      hash.update_value(number);
    hash.update(formats::dtype_info(job.ref.tensor->type).name);
    hash.update(formats::dtype_info(panel_type_info(job.type).dtype).name);
  }
  PackedCopy copy{.key = hash.finish(), .bytes = bytes, .folder_cap = options.packed_folder_bytes};
  copy.file = std::filesystem::path(options.packed_folder) / (to_hex(std::span(copy.key).first(16)) + std::string(packed_ending));
  return copy;
}

Result<bool> read_packed(const PackedCopy& copy, std::span<uint8_t> panels, std::span<TensorReport> reports, const LoadOptions& options) {
  const auto file = File::open(copy.file);
  if (!file.ok()) return false;
  const Status status = read_copy(*file, copy, panels, reports, options);
  if (!status.ok() && status.error().code == ErrorCode::cancelled) return status.error();
  if (status.ok()) mark_used(copy.file);
  else remove_quietly(copy.file);
  return status.ok();
}

PackedWriter::PackedWriter(PackedCopy copy, std::span<const uint8_t> panels, std::span<const TensorReport> reports)
    : copy_(std::move(copy)), panels_(panels), deadline_(std::chrono::steady_clock::time_point::max().time_since_epoch().count()) {
  for (const TensorReport& report : reports) errors_.push_back(report.relative_error);
  thread_ = std::thread([this] { write(); });
}

PackedWriter::~PackedWriter() {
  deadline_ = (std::chrono::steady_clock::now() + grace).time_since_epoch().count();
  thread_.join();
}

void PackedWriter::write() const {
  setpriority(PRIO_PROCESS, 0, 19);  // on Linux of this thread alone
  if (!make_room(copy_.file.parent_path(), copy_.bytes, copy_.folder_cap)) return;
  const std::filesystem::path temporary = temporary_beside(copy_.file);
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  const bool whole = write_file(descriptor);
  std::error_code failed;
  // Not synced: what a power cut leaves is found by its checksums.
  if (::close(descriptor) == 0 && whole) std::filesystem::rename(temporary, copy_.file, failed);
  if (!whole || failed) remove_quietly(temporary);
}

bool PackedWriter::write_file(int descriptor) const {
  Table table(errors_.size(), runs_of(copy_.bytes));
  const uint64_t begin = payload_begin(table);
  for (size_t i = 0; i < errors_.size(); ++i) table.words[i] = std::bit_cast<uint64_t>(errors_[i]);
  for (size_t i = 0; i < runs_of(copy_.bytes); ++i) {
    if (std::chrono::steady_clock::now().time_since_epoch().count() > deadline_.load()) return false;
    const auto run = run_of(panels_, i);
    table.words[errors_.size() + i] = checksum(run.data(), run.size());
    if (!write_at(descriptor, begin + i * run_bytes, run.data(), run.size())) return false;
  }
  const Header header = header_of(copy_, errors_.size(), table);
  return write_at(descriptor, sizeof header, table.words.data(), table.bytes()) && write_at(descriptor, 0, &header, sizeof header);
}

}  // namespace fabula::compute::cpu
