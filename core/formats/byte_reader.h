// Little-endian values from a file, never past its end: the number of bytes that remain judges every length
// before anything is allocated for it. The file's position moves forward only, except through seek().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file.h"
#include "core/base/result.h"

namespace fabula::formats {

class ByteReader {
 public:
  explicit ByteReader(const File& file) : file_(file), buffer_(buffer_bytes) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return file_.size_bytes() - position_; }

  // Errors: corrupt (past the end), io.
  Status skip(uint64_t bytes) {
    if (bytes > remaining()) return past_end(bytes);
    position_ += bytes;
    return {};
  }
  void seek(uint64_t position) { position_ = std::min(position, file_.size_bytes()); }

  Status read(void* out, uint64_t bytes) {
    if (bytes > remaining()) return past_end(bytes);
    auto* to = static_cast<std::byte*>(out);
    while (bytes > 0) {
      if (position_ < buffer_begin_ || position_ >= buffer_begin_ + buffered_) FABULA_TRY(fill());
      const uint64_t within = position_ - buffer_begin_;
      const uint64_t n = std::min<uint64_t>(bytes, buffered_ - within);
      std::memcpy(to, buffer_.data() + within, n);
      to += n;
      bytes -= n;
      position_ += n;
    }
    return {};
  }

  template <class T>
  Result<T> value() {
    T out{};
    FABULA_TRY(read(&out, sizeof out));
    return out;
  }

 private:
  static constexpr size_t buffer_bytes = size_t{64} << 10;

  Status fill() {
    const uint64_t n = std::min<uint64_t>(buffer_.size(), file_.size_bytes() - position_);
    FABULA_TRY(file_.read_at(position_, std::span(buffer_).first(n)));
    buffer_begin_ = position_;
    buffered_ = n;
    return {};
  }

  Error past_end(uint64_t bytes) const {
    return {ErrorCode::corrupt, std::to_string(bytes) + " bytes were expected at byte " +
                                    std::to_string(position_) + ", but only " + std::to_string(remaining()) +
                                    " remain"};
  }

  const File& file_;
  std::vector<std::byte> buffer_;
  uint64_t position_ = 0, buffer_begin_ = 0, buffered_ = 0;
};

// Products and sums of untrusted sizes. False where they do not fit; `out` is then unspecified.
inline bool checked_multiply(uint64_t a, uint64_t b, uint64_t& out) {
  return !__builtin_mul_overflow(a, b, &out);
}
inline bool checked_add(uint64_t a, uint64_t b, uint64_t& out) {
  return !__builtin_add_overflow(a, b, &out);
}
inline bool checked_pad(uint64_t value, uint64_t alignment, uint64_t& out) {  // alignment: a power of two
  if (!checked_add(value, alignment - 1, out)) return false;
  out &= ~(alignment - 1);
  return true;
}

// A name from a file for a message: readable, bounded, in quotes.
std::string in_quotes(std::string_view name);

}  // namespace fabula::formats
