#include "core/text/sentencepiece_check.h"

#include <bit>
#include <cmath>
#include <unordered_set>

#include "core/base/utf8.h"
#include "core/text/normalizer.h"

namespace fabula::text {

namespace {

constexpr size_t kMostPieces = size_t{1} << 22;
constexpr size_t kLongestPiece = 4096;        // bytes; real ones have at most some hundred
constexpr size_t kLongestSelfTest = 1 << 20;  // bytes; the library runs the samples while loading

Error corrupt(std::string what) {
  return {ErrorCode::corrupt, "SentencePiece model: " + what};
}

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  uint32_t wire = 0;
  uint64_t value = 0;      // varint, fixed
  std::string_view bytes;  // kBytes
};

// Protocol buffers' wire format (protobuf.dev, "Encoding"), one message. Groups are refused.
class Message {
 public:
  explicit Message(std::string_view bytes) : bytes_(bytes) {}
  bool at_end() const { return at_ == bytes_.size(); }

  Result<Field> next() {
    Field field;
    FABULA_ASSIGN(const uint64_t tag, varint());
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return corrupt("field number " + std::to_string(tag >> 3));
    field.number = static_cast<uint32_t>(tag >> 3);
    field.wire = static_cast<uint32_t>(tag & 7);
    if (field.wire == kVarint) {
      FABULA_ASSIGN(field.value, varint());
    } else if (field.wire == kFixed32 || field.wire == kFixed64) {
      FABULA_ASSIGN(const std::string_view raw, take(field.wire == kFixed32 ? 4 : 8));
      for (size_t i = 0; i < raw.size(); ++i)
        field.value |= static_cast<uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
    } else if (field.wire == kBytes) {
      FABULA_ASSIGN(const uint64_t length, varint());
      FABULA_ASSIGN(field.bytes, take(length));
    } else {
      return corrupt("wire type " + std::to_string(field.wire) + " in field " + std::to_string(field.number));
    }
    return field;
  }

 private:
  Result<uint64_t> varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_end()) return corrupt("cut off within a number");
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return corrupt("a number of more than 64 bits");
  }
  Result<std::string_view> take(uint64_t length) {
    if (length > bytes_.size() - at_)
      return corrupt("a field of " + std::to_string(length) + " bytes, " +
                     std::to_string(bytes_.size() - at_) + " are left");
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }
  std::string_view bytes_;
  size_t at_ = 0;
};

Status expect(const Field& field, uint32_t wire, const char* what) {
  if (field.wire == wire) return {};
  return corrupt(std::string(what) + " has wire type " + std::to_string(field.wire));
}

Status check_text(std::string_view text, const std::string& what, size_t longest) {
  if (text.size() > longest) return corrupt(what + " has " + std::to_string(text.size()) + " bytes");
  if (text.find('\0') != std::string_view::npos) return corrupt(what + " holds NUL");
  if (!is_valid_utf8(text)) return corrupt(what + " is not UTF-8");
  return {};
}

Result<TokenKind> kind_of(uint64_t type, const std::string& what) {
  switch (type) {
    case 1: return TokenKind::normal;
    case 2: return TokenKind::unknown;
    case 3: return TokenKind::control;
    case 4: return TokenKind::user_defined;
    case 5: return TokenKind::unused;
    case 6: return TokenKind::byte;
    default: return corrupt(what + " has type " + std::to_string(type));
  }
}

Status read_piece(std::string_view bytes, SentencePieceFile& file) {
  const std::string what = "piece " + std::to_string(file.pieces.size());
  std::string text;
  TokenKind kind = TokenKind::normal;
  for (Message message(bytes); !message.at_end();) {
    FABULA_ASSIGN(const Field field, message.next());
    if (field.number == 1) {
      FABULA_TRY(expect(field, kBytes, "a piece's text"));
      FABULA_TRY(check_text(field.bytes, what, kLongestPiece));
      text = field.bytes;
    } else if (field.number == 2) {
      FABULA_TRY(expect(field, kFixed32, "a piece's score"));
      if (!std::isfinite(std::bit_cast<float>(static_cast<uint32_t>(field.value))))
        return corrupt(what + " has a score that is not finite");
    } else if (field.number == 3) {
      FABULA_TRY(expect(field, kVarint, "a piece's type"));
      FABULA_ASSIGN(kind, kind_of(field.value, what));
    }
  }
  if (text.empty()) return corrupt(what + " is empty");
  if (file.pieces.size() >= kMostPieces)
    return corrupt("more than " + std::to_string(kMostPieces) + " pieces");
  file.pieces.push_back(std::move(text));
  file.kinds.push_back(kind);
  return {};
}

struct Trainer {
  bool byte_fallback = false;
};

Status read_trainer(std::string_view bytes, Trainer& trainer, SentencePieceFile& file) {
  for (Message message(bytes); !message.at_end();) {
    FABULA_ASSIGN(const Field field, message.next());
    if (field.number == 3) {
      FABULA_TRY(expect(field, kVarint, "the model type"));
      if (field.value < 1 || field.value > 4)
        return Error{ErrorCode::unsupported,
                     "SentencePiece model: model type " + std::to_string(field.value)};
    } else if (field.number == 35) {
      FABULA_TRY(expect(field, kVarint, "byte_fallback"));
      trainer.byte_fallback = field.value != 0;
    } else if (field.number == 44) {
      FABULA_TRY(expect(field, kBytes, "unk_surface"));
      FABULA_TRY(check_text(field.bytes, "unk_surface", kLongestPiece));
      file.unknown_surface = field.bytes;
    } else if (field.number >= 45 && field.number <= 48) {
      FABULA_TRY(expect(field, kBytes, "the name of a special piece"));
      FABULA_TRY(check_text(field.bytes, "the name of a special piece", kLongestPiece));
    }
  }
  return {};
}

Status read_normalizer(std::string_view bytes, bool denormalizer, SentencePieceFile& file) {
  for (Message message(bytes); !message.at_end();) {
    FABULA_ASSIGN(const Field field, message.next());
    if (field.number == 2) {
      FABULA_TRY(expect(field, kBytes, "precompiled_charsmap"));
      if (field.bytes.empty()) continue;
      FABULA_TRY(check_precompiled_charsmap(field.bytes));
      if (denormalizer) file.denormalizes = true;
    } else if (field.number >= 3 && field.number <= 5) {
      FABULA_TRY(expect(field, kVarint, "a switch of the normalizer"));
      if (!denormalizer && field.number == 3) file.add_dummy_prefix = field.value != 0;
      if (!denormalizer && field.number == 4) file.remove_extra_whitespaces = field.value != 0;
    } else if (field.number == 6 && !field.bytes.empty()) {
      return Error{ErrorCode::unsupported, "SentencePiece model: normalization rules as text"};
    }
  }
  return {};
}

bool is_byte_piece(std::string_view text, std::vector<bool>& seen) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return false;
  size_t value = 0;
  for (const char c : text.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'A' && c <= 'F')) return false;
    value = value * 16 + static_cast<size_t>(digit ? c - '0' : c - 'A' + 10);
  }
  seen[value] = true;
  return true;
}

Status check_pieces(const SentencePieceFile& file, const Trainer& trainer) {
  if (file.pieces.empty()) return corrupt("no pieces");
  size_t unknowns = 0, bytes = 0;
  std::unordered_set<std::string_view> known;
  std::vector<bool> seen(256, false);
  for (size_t i = 0; i < file.pieces.size(); ++i) {
    if (!known.insert(file.pieces[i]).second)
      return corrupt("piece " + std::to_string(i) + " stands there twice");
    if (file.kinds[i] == TokenKind::unknown) ++unknowns;
    if (file.kinds[i] != TokenKind::byte) continue;
    if (!trainer.byte_fallback) return corrupt("byte pieces without byte_fallback");
    if (!is_byte_piece(file.pieces[i], seen)) return corrupt("piece " + std::to_string(i) + " is no byte");
    ++bytes;
  }
  if (unknowns != 1) return corrupt(std::to_string(unknowns) + " unknown pieces, one is needed");
  if (trainer.byte_fallback && bytes != 256)
    return corrupt("byte_fallback with " + std::to_string(bytes) + " byte pieces");
  return {};
}

}  // namespace

Result<SentencePieceFile> check_sentencepiece(std::string_view bytes) {
  if (bytes.size() > size_t{512} << 20) return corrupt("larger than 512 MiB");
  SentencePieceFile file;
  Trainer trainer;
  size_t self_test = 0;
  for (Message message(bytes); !message.at_end();) {
    FABULA_ASSIGN(const Field field, message.next());
    if (field.number > 5) continue;
    FABULA_TRY(expect(field, kBytes, "a part of the model"));
    if (field.number == 1) FABULA_TRY(read_piece(field.bytes, file));
    if (field.number == 2) FABULA_TRY(read_trainer(field.bytes, trainer, file));
    if (field.number == 3) FABULA_TRY(read_normalizer(field.bytes, false, file));
    if (field.number == 4) self_test += field.bytes.size();
    if (field.number == 5) FABULA_TRY(read_normalizer(field.bytes, true, file));
  }
  if (self_test > kLongestSelfTest)
    return corrupt("self test data of " + std::to_string(self_test) + " bytes");
  FABULA_TRY(check_pieces(file, trainer));
  return file;
}

}  // namespace fabula::text
