// Hashes: SHA-256 for fingerprints and downloads, a fast 64-bit one for tables inside one process.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fabula {

using Sha256Digest = std::array<uint8_t, 32>;

// Incremental SHA-256 (FIPS 180-4), through the distribution's libcrypto. Not thread safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(const void* bytes, size_t size_bytes);
  void update(std::string_view text) { update(text.data(), text.size()); }
  template <class T>
  void update_value(const T& value) {  // T trivially copyable without padding
    update(&value, sizeof value);
  }
  Sha256Digest finish();  // once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string to_hex(std::span<const uint8_t> bytes);

// FNV-1a, 64 bits. For hash tables, never for anything that goes to disk or comes from a stranger.
constexpr uint64_t fnv1a(std::string_view text, uint64_t state = 0xcbf29ce484222325ull) {
  for (char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return state;
}

}  // namespace fabula
