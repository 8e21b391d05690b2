#include "core/engine/disk_tier.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "core/base/file.h"

namespace fabula::engine {

namespace {

constexpr std::string_view magic = "FABULAKV";
constexpr uint32_t version = 1;
constexpr size_t header_bytes = 8 + 4 + 4 + 32 + 8;
constexpr size_t digest_bytes = 32;
constexpr uint64_t max_queued_bytes = uint64_t{64} << 20;
constexpr std::string_view ending = ".kv";

template <class T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string make_header(const KvKey& key, uint64_t payload_bytes) {
  std::string header(magic);
  append(header, version);
  append(header, static_cast<uint32_t>(block_tokens));
  append(header, key);
  append(header, payload_bytes);
  return header;
}

Sha256Digest digest_of(std::string_view header, std::span<const std::byte> payload) {
  Sha256 hash;
  hash.update(header);
  hash.update(payload.data(), payload.size());
  return hash.finish();
}

std::optional<KvKey> key_from_name(std::string_view name) {
  KvKey key{};
  if (name.size() != 2 * key.size() + ending.size() || !name.ends_with(ending)) return std::nullopt;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (size_t i = 0; i < key.size(); ++i) {
    const int high = digit(name[2 * i]), low = digit(name[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return key;
}

Status write_all(int descriptor, const void* bytes, size_t size, const std::filesystem::path& path) {
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = ::write(descriptor, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", path, errno);
    at += written;
    size -= static_cast<size_t>(written);
  }
  return {};
}

// Unsynced on purpose: after a power cut the checksum finds out, and the tokens are read again.
Status write_block_file(const std::filesystem::path& path, const DiskTier::Block& block) {
  const std::filesystem::path temporary = path.string() + ".new";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return io_error("create", temporary, errno);
  const std::string header = make_header(block.key, block.bytes.size());
  const Sha256Digest digest = digest_of(header, block.bytes);
  Status status = write_all(descriptor, header.data(), header.size(), temporary);
  if (status.ok()) status = write_all(descriptor, block.bytes.data(), block.bytes.size(), temporary);
  if (status.ok()) status = write_all(descriptor, digest.data(), digest.size(), temporary);
  if (::close(descriptor) != 0 && status.ok()) status = io_error("close", temporary, errno);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0)
    status = io_error("rename to", path, errno);
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace

DiskTier::DiskTier(std::filesystem::path folder, uint64_t cap_bytes, LogSink* log, std::function<void()> wake)
    : folder_(std::move(folder)), cap_bytes_(cap_bytes), log_(log), wake_(std::move(wake)) {
  thread_ = std::thread([this] { run(); });
}

DiskTier::~DiskTier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool DiskTier::contains(const KvKey& key) const {
  const std::lock_guard lock(mutex_);
  return known_.contains(key);
}

void DiskTier::wait_until_scanned() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return scanned_; });
}

bool DiskTier::has_room() const {
  const std::lock_guard lock(mutex_);
  return writable_ && queued_bytes_ < max_queued_bytes;
}

bool DiskTier::offer(const KvKey& key, std::vector<std::byte> bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (!writable_ || queued_bytes_ >= max_queued_bytes) return false;
    queued_bytes_ += bytes.size();
    jobs_.push_back(Job{.write = {key, std::move(bytes)}});
  }
  changed_.notify_all();
  return true;
}

void DiskTier::fetch(std::vector<KvKey> keys, uint64_t block_bytes, Fetched done) {
  {
    const std::lock_guard lock(mutex_);  // ahead of the writes: somebody waits for it
    const auto first_write = std::ranges::find_if(jobs_, [](const Job& job) { return !job.done; });
    jobs_.insert(first_write,
                 Job{.keys = std::move(keys), .block_bytes = block_bytes, .done = std::move(done)});
  }
  changed_.notify_all();
}

void DiskTier::erase(std::vector<KvKey> keys, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);  // behind the writes: one that is under way may be of these
    jobs_.push_back(Job{.keys = std::move(keys), .erased = std::move(done)});
  }
  changed_.notify_all();
}

uint64_t DiskTier::bytes_on_disk() const {
  const std::lock_guard lock(mutex_);
  return known_bytes_;
}

void DiskTier::run() {
  scan();
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    if (job.erased) {
      for (const KvKey& key : job.keys) forget(key);
      job.erased();
      continue;
    }
    if (!job.done) {
      write(job.write);
      wake_();
      continue;
    }
    std::vector<Block> blocks;
    for (const KvKey& key : job.keys) {
      auto bytes = read(key, job.block_bytes);
      if (!bytes.ok()) {
        forget(key);
        break;
      }
      mark_used(key);
      blocks.push_back({key, *std::move(bytes)});
    }
    job.done(std::move(blocks));
  }
}

// Names, sizes and times only; what is in a file is judged when it is read. Left-overs of a crash go.
void DiskTier::scan() {
  struct Found {
    std::filesystem::file_time_type time;
    KvKey key;
    uint64_t bytes;
  };
  std::vector<Found> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder_, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (name.ends_with(".kv.new")) std::filesystem::remove(it->path(), ignored);
    const auto key = key_from_name(name);
    if (!key || !it->is_regular_file(ignored)) continue;
    found.push_back({it->last_write_time(ignored), *key, it->file_size(ignored)});
  }
  std::ranges::sort(found, {}, &Found::time);
  for (const Found& file : found) remember(file.key, file.bytes);
  {
    const std::lock_guard lock(mutex_);
    scanned_ = true;
  }
  changed_.notify_all();
  shrink_to_cap();
}

void DiskTier::write(const Block& block) {
  Status status;
  if (!contains(block.key)) {
    status = fabula::create_directories(folder_);
    if (status.ok()) status = write_block_file(path_of(block.key), block);
    if (status.ok()) remember(block.key, header_bytes + block.bytes.size() + digest_bytes);
  }
  {
    const std::lock_guard lock(mutex_);
    queued_bytes_ -= block.bytes.size();
    if (!status.ok())
      writable_ = false;  // a full or read-only disk: one line in the log, and Fabula goes on without
  }
  if (!status.ok() && log_)
    log_->write(LogLevel::warning, "the KV cache on disk is off: " + status.error().message);
  shrink_to_cap();
}

Result<std::vector<std::byte>> DiskTier::read(const KvKey& key, uint64_t block_bytes) const {
  FABULA_ASSIGN(const File file, File::open(path_of(key)));
  const std::string header = make_header(key, block_bytes);
  if (file.size_bytes() != header.size() + block_bytes + digest_bytes)
    return Error{ErrorCode::corrupt, file.path().string() + " has another size than a block of this model"};
  std::string found(header.size(), '\0');
  FABULA_TRY(file.read_at(0, std::as_writable_bytes(std::span(found))));
  if (found != header) return Error{ErrorCode::corrupt, file.path().string() + " has another header"};
  std::vector<std::byte> payload(block_bytes);
  FABULA_TRY(file.read_at(header.size(), payload));
  Sha256Digest digest{};
  FABULA_TRY(file.read_at(header.size() + block_bytes, std::as_writable_bytes(std::span(digest))));
  if (digest != digest_of(header, payload))
    return Error{ErrorCode::corrupt, file.path().string() + " does not match its checksum"};
  return payload;
}

void DiskTier::remember(const KvKey& key, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (known_.contains(key)) return;
  known_[key] = {bytes, by_use_.insert(by_use_.end(), key)};
  known_bytes_ += bytes;
}

void DiskTier::mark_used(const KvKey& key) {
  ::utimensat(AT_FDCWD, path_of(key).c_str(), nullptr, 0);  // so that the next start knows the order, too
  const std::lock_guard lock(mutex_);
  if (const auto it = known_.find(key); it != known_.end())
    by_use_.splice(by_use_.end(), by_use_, it->second.place);
}

void DiskTier::forget(const KvKey& key) {
  std::error_code ignored;
  std::filesystem::remove(path_of(key), ignored);
  const std::lock_guard lock(mutex_);
  const auto it = known_.find(key);
  if (it == known_.end()) return;
  known_bytes_ -= it->second.bytes;
  by_use_.erase(it->second.place);
  known_.erase(it);
}

void DiskTier::shrink_to_cap() {
  while (true) {
    KvKey oldest{};
    {
      const std::lock_guard lock(mutex_);
      if (known_bytes_ <= cap_bytes_ || by_use_.empty()) return;
      oldest = by_use_.front();
    }
    forget(oldest);
  }
}

std::filesystem::path DiskTier::path_of(const KvKey& key) const {
  return folder_ / (to_hex(key) + std::string(ending));
}

}  // namespace fabula::engine
