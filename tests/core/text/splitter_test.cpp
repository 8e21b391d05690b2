// The hand-written scanners against PCRE2 on the same expressions, the translation of Oniguruma's syntax, and
// every pre-tokenizer that GGUF files name.
#include "core/text/splitter.h"

#include <doctest/doctest.h>

#include <random>

#include "core/base/utf8.h"
#include "core/text/byte_alphabet.h"
#include "core/text/pretokenizers.h"
#include "core/text/tokenizer.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::text;

namespace {

std::vector<std::string> split(const Splitter& splitter, std::string_view text) {
  std::vector<Match> matches;
  splitter.find_all(text, matches);
  std::vector<std::string> pieces;
  for (const Match& match : matches) pieces.emplace_back(text.substr(match.begin, match.end - match.begin));
  return pieces;
}

std::vector<std::string> split(std::string_view expression, std::string_view text) {
  const auto made = make_splitter(expression, RegexSyntax::oniguruma);
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().message));
  return split(**made, text);
}

// PCRE2's tables and ours may stem from different versions of Unicode: a character that either does not know proves nothing.
char32_t random_known_character(std::mt19937_64& random) {
  static const auto unknown_to_pcre2 = *make_splitter(R"((?:\p{Cn}))", RegexSyntax::oniguruma);
  for (;;) {
    const auto c = static_cast<char32_t>(random() % 0xd800);
    std::string text;
    append_utf8(text, c);
    std::vector<Match> matches;
    unknown_to_pcre2->find_all(text, matches);
    if (matches.empty()) return c;
  }
}

std::string random_text(std::mt19937_64& random) {
  static const std::vector<std::string> parts{
      " ",       "  ",      "\n",     "\r\n",         "\t",         "'s",     "'LL",    "'RE",
      "'\u017f", "'x",      "a",      "Zed",          "7",          "1234",   ".",      "?!",
      "\u00e9",  "e\u0301", "\u0301", "\u6f22\u5b57", "\U0001f600", "\u00a0", "\u3000", "\u2028",
      "\u180e",  "\u0663",  "\u00b2"};
  std::string out;
  for (size_t n = random() % 30; n > 0; --n) {
    if (random() % 8 == 0)
      append_utf8(out, random_known_character(random));
    else
      out += parts[random() % parts.size()];
  }
  return out;
}

using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("the scanners cut as PCRE2 does") {
  std::mt19937_64 random(test::seed());
  for (
      const std::string expression :
      {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
       R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}) {
    for (int round = 0; round < 500; ++round) {
      const std::string text = random_text(random);
      INFO(text);
      CHECK(split(expression, text) == split("(?:" + expression + ")", text));  // no longer known by heart
    }
  }
}

TEST_CASE("Oniguruma's syntax where PCRE2 reads it differently") {
  CHECK(split(R"(\d{1,2}+)", "12345") == Pieces{"12345"});  // (\d{1,2})+, not possessive
  CHECK(split(R"([\p{L}&&[^\p{Han}]]+)", "ab\u6f22cd") == Pieces{"ab", "cd"});
  CHECK(split(R"([a-c[x-z]]+)", "abqxy") == Pieces{"ab", "xy"});
  CHECK(split(R"([^a-c[x-z]]+)", "abqxy") == Pieces{"q"});
  CHECK(split(R"(\h+)", "xyzCAFE") == Pieces{"CAFE"});
  CHECK(split(R"(a$)", "a\nb") == Pieces{"a"});         // before any newline
  CHECK(split(R"(\s)", "a\u180eb\u00a0").size() == 1);  // U+180E is no space
  CHECK(split(R"(\p{Han}+)", "\u6f22\u3001\u5b57") ==
        Pieces{"\u6f22", "\u5b57"});  // Script, not Script_Extensions
  CHECK(split(R"(\u0061+)", "aab") == Pieces{"aa"});
}

TEST_CASE("every pre-tokenizer that GGUF files name compiles and loses no byte") {
  std::mt19937_64 random(test::seed());
  for (const char* name : {"",
                           "default",
                           "llama3",
                           "llama-v3",
                           "llama-bpe",
                           "falcon3",
                           "falcon-h1",
                           "pixtral",
                           "midm-2.0",
                           "lfm2",
                           "jina-v5-nano",
                           "minicpm5",
                           "dbrx",
                           "smaug-bpe",
                           "glm4",
                           "chatglm-bpe",
                           "deepseek-llm",
                           "deepseek-coder",
                           "deepseek-v3",
                           "hunyuan-dense",
                           "joyai-llm",
                           "hy_v4",
                           "spark2_5",
                           "youtu",
                           "falcon",
                           "starcoder",
                           "refact",
                           "codeshell",
                           "exaone",
                           "minerva-7b",
                           "mellum2",
                           "command-r",
                           "smollm",
                           "gpt-2",
                           "phi-2",
                           "gigachat",
                           "mpt",
                           "olmo",
                           "jais",
                           "exaone4",
                           "trillion",
                           "granite-docling",
                           "jais-2",
                           "qwen2",
                           "deepseek-r1-qwen",
                           "hunyuan",
                           "grok-2",
                           "solar-open",
                           "stablelm2",
                           "megrez",
                           "qwen35",
                           "poro-chat",
                           "bloom",
                           "gpt3-finnish",
                           "viking",
                           "tekken",
                           "chameleon",
                           "gpt-4o",
                           "llama4",
                           "kanana2",
                           "minimax-m2",
                           "granite-embed-multi-97m",
                           "tiny_aya",
                           "cohere2moe",
                           "superbpe",
                           "bailingmoe",
                           "bailingmoe2",
                           "llada-moe",
                           "seed-coder",
                           "kimi-k2",
                           "ufakzeka",
                           "afmoe",
                           "laguna",
                           "exaone-moe",
                           "gemma4",
                           "sarvam-moe"}) {
    INFO(name);
    const PreTokenizer* pre = find_pretokenizer_or_null(name);
    REQUIRE(pre != nullptr);
    VocabSpec spec{.model = "gpt2", .pre = name, .merges = {"a b"}};
    for (int b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      constexpr char kHex[] = "0123456789ABCDEF";
      spec.tokens.push_back(pre->spaces_as_blocks
                                ? std::string{'<', '0', 'x', kHex[b >> 4], kHex[b & 15], '>'}
                                : to_byte_alphabet({&byte, 1}));
      spec.token_types.push_back(pre->spaces_as_blocks ? 6 : 1);
    }
    for (const char* token : {"ab", "a", "b", "\xe2\x96\x81"}) {
      if (!pre->spaces_as_blocks && token[1] == '\0') continue;  // the letters are there already
      spec.tokens.emplace_back(token);
      spec.token_types.push_back(1);
    }
    const auto made = make_tokenizer_from_vocab(std::move(spec));
    REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().message));
    for (int round = 0; round < 30; ++round) {
      const std::string text = random_text(random) + " abba";
      std::string bytes;
      for (const TokenId id : (*made)->encode(text, {false, false})) bytes += (*made)->token_bytes(id, true);
      CHECK(bytes == text);
    }
  }
  CHECK(find_pretokenizer_or_null("no-such-thing") == nullptr);
}
