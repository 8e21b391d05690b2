// SentencePiece's precompiled character map: [size of the trie in bytes, u32][trie][replacements, each ended
// by NUL]. The trie is a darts-clone double array (Yata et al.): label in bits 0-7 and 31, leaf flag in bit
// 8, offset in bits 10-30, shifted by 8 where bit 9 is set. The nodes are read with bounds at each step: a
// hostile map ends a search, nothing more.
#include <utf8proc.h>

#include <cstring>
#include <vector>

#include "core/base/utf8.h"
#include "core/text/normalizer.h"

namespace fabula::text {

namespace {

uint32_t read_u32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

uint32_t offset_of(uint32_t unit) {
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}
uint32_t label_of(uint32_t unit) {
  return unit & ((1u << 31) | 0xff);
}
bool has_leaf(uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(std::string_view charsmap) {
    const uint32_t trie_bytes = read_u32(charsmap, 0);
    for (size_t at = 4; at + 4 <= 4 + size_t{trie_bytes}; at += 4) units_.push_back(read_u32(charsmap, at));
    replacements_ = charsmap.substr(4 + size_t{trie_bytes});
  }

  // Hugging Face's order (spm_precompiled): a short grapheme as a whole, else each of its characters.
  void normalize(std::string& text, bool) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const size_t end = end_of_grapheme(text, at);
      const std::string_view grapheme = std::string_view(text).substr(at, end - at);
      at = end;
      std::string_view made;
      if (grapheme.size() < 6 && find(grapheme, made)) {
        out += made;
        continue;
      }
      for (size_t i = 0; i < grapheme.size();) {
        const size_t begin = i;
        decode_utf8(grapheme, i);
        const std::string_view character = grapheme.substr(begin, i - begin);
        out += find(character, made) ? made : character;
      }
    }
    text = std::move(out);
  }

 private:
  static size_t end_of_grapheme(std::string_view text, size_t at) {
    utf8proc_int32_t state = 0;
    char32_t last = decode_utf8(text, at);
    while (at < text.size()) {
      size_t behind = at;
      const char32_t next = decode_utf8(text, behind);
      if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(last),
                                           static_cast<utf8proc_int32_t>(next), &state))
        break;
      last = next;
      at = behind;
    }
    return at;
  }

  // The replacement of the shortest known beginning of `key`.
  bool find(std::string_view key, std::string_view& made) const {
    size_t node = 0;
    if (units_.empty()) return false;
    node ^= offset_of(units_[0]);
    for (const char c : key) {
      const auto byte = static_cast<unsigned char>(c);
      node ^= byte;
      if (byte == 0 || node >= units_.size() || label_of(units_[node]) != byte) return false;
      const uint32_t unit = units_[node];
      node ^= offset_of(unit);
      if (!has_leaf(unit)) continue;
      if (node >= units_.size()) return false;
      const size_t index = units_[node] & 0x7fffffffu;
      if (index >= replacements_.size()) return false;
      made = std::string_view(replacements_).substr(index);
      made = made.substr(0, made.find('\0'));
      return true;
    }
    return false;
  }

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace

Status check_precompiled_charsmap(std::string_view charsmap) {
  const auto corrupt = [](std::string what) {
    return Error{ErrorCode::corrupt, "precompiled_charsmap: " + what};
  };
  if (charsmap.size() <= 4) return corrupt("only " + std::to_string(charsmap.size()) + " bytes");
  const uint64_t trie_bytes = read_u32(charsmap, 0);
  if (trie_bytes < 1024 || trie_bytes % 1024 != 0 || trie_bytes > charsmap.size() - 4)
    return corrupt("a trie of " + std::to_string(trie_bytes) + " bytes in " +
                   std::to_string(charsmap.size()));
  const std::string_view replacements = charsmap.substr(4 + trie_bytes);
  if (replacements.empty() || replacements.back() != '\0')
    return corrupt("the replacements do not end with NUL");
  if (!is_valid_utf8(replacements)) return corrupt("the replacements are not UTF-8");
  const size_t units = trie_bytes / 4;
  // Whatever byte follows a unit, its child lies within the trie; whatever leaf it has points into the
  // replacements.
  for (size_t i = 0; i < units; ++i) {
    const uint32_t unit = read_u32(charsmap, 4 + 4 * i);
    if (unit >> 31) {  // a value
      const size_t index = unit & 0x7fffffffu;
      if (index >= replacements.size() || (static_cast<unsigned char>(replacements[index]) & 0xc0) == 0x80)
        return corrupt("a replacement at byte " + std::to_string(index) + " of " +
                       std::to_string(replacements.size()));
      continue;
    }
    const size_t child = i ^ offset_of(unit);
    if ((child | 0xff) >= units) return corrupt("a child behind the end of the trie");
    if (has_leaf(unit) && !(read_u32(charsmap, 4 + 4 * child) >> 31))
      return corrupt("a leaf without a value");
  }
  return {};
}

Result<std::unique_ptr<Normalizer>> make_precompiled_normalizer(std::string charsmap) {
  FABULA_TRY(check_precompiled_charsmap(charsmap));
  return std::unique_ptr<Normalizer>(std::make_unique<Precompiled>(charsmap));
}

}  // namespace fabula::text
