#include "core/text/splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <optional>

namespace fabula::text {

namespace {

struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using Code = std::unique_ptr<pcre2_code, CodeDeleter>;
using MatchData = std::unique_ptr<pcre2_match_data, MatchDataDeleter>;

class Pcre2Splitter final : public Splitter {
 public:
  explicit Pcre2Splitter(Code code) : code_(std::move(code)) {}

  void find_all(std::string_view text, std::vector<Match>& matches) const override {
    const MatchData data(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    if (!data) return;
    size_t at = 0;
    while (at <= text.size()) {
      if (!find(text, at, data.get())) return;
      const size_t* range = pcre2_get_ovector_pointer(data.get());
      matches.push_back({range[0], range[1]});
      if (range[1] > range[0]) {
        at = range[1];
        continue;
      }
      at = range[1] + 1;  // an empty match: go on behind the next character
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    }
  }

 private:
  // A text that exhausts the machine's match limits is not cut further there; the pieces still hold every
  // byte.
  bool find(std::string_view text, size_t at, pcre2_match_data* data) const {
    const auto* bytes = reinterpret_cast<PCRE2_SPTR>(text.data());
    int found = pcre2_match(code_.get(), bytes, text.size(), at, PCRE2_NO_UTF_CHECK, data, nullptr);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)  // the interpreter keeps its frames on the heap
      found =
          pcre2_match(code_.get(), bytes, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, nullptr);
    return found >= 0;
  }

  Code code_;
};

class LiteralSplitter final : public Splitter {
 public:
  explicit LiteralSplitter(std::string literal) : literal_(std::move(literal)) {}

  void find_all(std::string_view text, std::vector<Match>& matches) const override {
    if (literal_.empty()) return;
    for (size_t at = text.find(literal_); at != std::string_view::npos;
         at = text.find(literal_, at + literal_.size()))
      matches.push_back({at, at + literal_.size()});
  }

 private:
  std::string literal_;
};

struct KnownExpression {
  std::string_view text;
  ScanRules rules;
};

constexpr auto kGpt2 = ScanRules::Family::gpt2;
constexpr auto kLlama3 = ScanRules::Family::llama3;

// The expressions as tokenizer.json files write them.
constexpr std::array kKnown{
    KnownExpression{R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
                    {.family = kGpt2}},
    KnownExpression{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        {.family = kLlama3, .digits = 3, .fold_long_s = true}},
    KnownExpression{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        {.family = kLlama3, .digits = 1, .fold_long_s = true}},
    KnownExpression{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        {.family = kLlama3, .digits = 1, .marks = true, .fold_long_s = true}},
};

Result<Code> compile(const std::string& expression, RegexSyntax syntax) {
  int error = 0;
  size_t at = 0;
  uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  options |= syntax == RegexSyntax::oniguruma ? PCRE2_MULTILINE : PCRE2_DOLLAR_ENDONLY;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), options, &error,
                          &at, nullptr));
  if (!code) {
    std::array<unsigned char, 256> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    return Error{ErrorCode::corrupt, "tokenizer: the expression " + expression + " is not valid at byte " +
                                         std::to_string(at) + ": " +
                                         reinterpret_cast<const char*>(message.data())};
  }
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // without JIT the interpreter runs: slower, equal
  return code;
}

}  // namespace

Result<std::unique_ptr<Splitter>> make_splitter(std::string_view expression, RegexSyntax syntax) {
  if (expression.size() > 65536)
    return Error{ErrorCode::corrupt, "tokenizer: an expression of more than 64 KiB"};
  for (const KnownExpression& known : kKnown)
    if (known.text == expression) {
      ScanRules rules = known.rules;
      if (syntax == RegexSyntax::ecmascript) rules.fold_long_s = false;
      return make_scanner(rules);
    }
  FABULA_ASSIGN(Code code, compile(pcre2_from_oniguruma(expression), syntax));
  return std::unique_ptr<Splitter>(std::make_unique<Pcre2Splitter>(std::move(code)));
}

std::unique_ptr<Splitter> make_literal_splitter(std::string literal) {
  return std::make_unique<LiteralSplitter>(std::move(literal));
}

}  // namespace fabula::text
