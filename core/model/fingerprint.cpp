#include "core/model/fingerprint.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/base/hash.h"

namespace fabula::model {

namespace {

constexpr uint64_t piece_bytes = uint64_t{16} << 20;
constexpr uint64_t worth_remembering_bytes = uint64_t{256}
                                             << 20;  // less is hashed again in a fraction of a second

struct Piece {
  size_t file;
  uint64_t begin, bytes;
};

std::vector<Piece> cut(std::span<const File> files) {
  std::vector<Piece> pieces;
  for (size_t f = 0; f < files.size(); ++f)
    for (uint64_t at = 0; at < files[f].size_bytes(); at += piece_bytes)
      pieces.push_back({f, at, std::min(piece_bytes, files[f].size_bytes() - at)});
  return pieces;
}

Result<Sha256Digest> hash_piece(const File& file, const Piece& piece, std::vector<std::byte>& buffer,
                                const std::atomic<bool>* cancel) {
  Sha256 hash;
  for (uint64_t at = 0; at < piece.bytes; at += buffer.size()) {
    if (cancel && cancel->load()) return Error{ErrorCode::cancelled, "stopped while reading " + file.path().string()};
    const auto part = std::span(buffer).first(std::min<uint64_t>(buffer.size(), piece.bytes - at));
    FABULA_TRY(file.read_at(piece.begin + at, part));
    hash.update(part.data(), part.size());
  }
  return hash.finish();
}

Result<std::vector<Sha256Digest>> hash_pieces(std::span<const File> files, const std::vector<Piece>& pieces,
                                              const FingerprintOptions& options) {
  std::vector<Sha256Digest> digests(pieces.size());
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::optional<Error> error;
  const auto work = [&] {
    std::vector<std::byte> buffer(size_t{1} << 20);
    for (size_t i = next++; i < pieces.size(); i = next++) {
      auto digest = hash_piece(files[pieces[i].file], pieces[i], buffer, options.cancel);
      if (digest.ok()) {
        digests[i] = *digest;
        continue;
      }
      const std::lock_guard lock(mutex);
      error = digest.error();
      return;
    }
  };
  const size_t wanted = options.threads > 0 ? static_cast<size_t>(options.threads) : std::max(1u, std::thread::hardware_concurrency());
  const size_t threads = std::min<size_t>({pieces.size(), wanted, 8});
  {
    std::vector<std::jthread> helpers;
    for (size_t t = 1; t < threads; ++t) helpers.emplace_back(work);
    work();
  }
  if (error) return *error;
  return digests;
}

// Where the fingerprint of exactly these files is remembered; empty where that makes no sense.
std::filesystem::path memory_file(std::span<const File> files, std::string_view header,
                                  const std::filesystem::path& folder) {
  uint64_t bytes = 0;
  Sha256 key;
  key.update("fabula fingerprint memory 1\n");
  key.update(header);
  for (const File& file : files) {
    struct stat info {};
    if (::stat(file.path().c_str(), &info) != 0) return {};
    std::error_code error;
    const std::string name = std::filesystem::weakly_canonical(file.path(), error).string();
    key.update_value(name.size());
    key.update(name);
    for (const int64_t value :
         {static_cast<int64_t>(info.st_size), static_cast<int64_t>(info.st_mtim.tv_sec),
          static_cast<int64_t>(info.st_mtim.tv_nsec), static_cast<int64_t>(info.st_ino)})
      key.update_value(value);
    bytes += file.size_bytes();
  }
  if (folder.empty() || bytes < worth_remembering_bytes) return {};
  return folder / to_hex(key.finish());
}

std::optional<std::string> remembered(const std::filesystem::path& file) {
  if (file.empty()) return std::nullopt;
  const auto text = read_file(file, 64);
  const bool is_digest =
      text.ok() && text->size() == 64 && text->find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_digest ? std::optional(*text) : std::nullopt;
}

}  // namespace

Result<std::string> model_fingerprint(std::span<const File> files, std::string_view header,
                                      const FingerprintOptions& options) {
  const std::filesystem::path memory = memory_file(files, header, options.memory_folder);
  if (auto known = remembered(memory)) return *known;
  FABULA_ASSIGN(const auto digests, hash_pieces(files, cut(files), options));
  Sha256 tree;
  tree.update("fabula model 1\n");
  tree.update_value(static_cast<uint64_t>(header.size()));
  tree.update(header);
  for (const File& file : files) tree.update_value(file.size_bytes());
  for (const Sha256Digest& digest : digests) tree.update(digest.data(), digest.size());
  const std::string fingerprint = to_hex(tree.finish());
  if (!memory.empty() && fabula::create_directories(options.memory_folder).ok())
    (void)write_file_atomically(memory, fingerprint).ok();
  return fingerprint;
}

}  // namespace fabula::model
