#include "core/text/pretokenizers.h"

#include <array>
#include <span>

namespace fabula::text {

namespace {

// llama.cpp writes contractions out; in its expressions \p{S} has no '~' (its table of ASCII symbols lacks
// it), which the expressions below keep as (?!~).
#define CONTRACTIONS "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define SPACES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define UPPER \
  "[^\\P{L}a-z]"  // every letter but a-z, as llama.cpp approximates [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
#define LOWER "[^\\P{L}A-Z]"
#define LEAD "[^\\r\\n\\p{L}\\p{N}]?"

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kDigits3 = R"(\p{N}{1,3})";
constexpr std::string_view kThreeDigits = "[0-9][0-9][0-9]";
constexpr std::string_view kCjk = "[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kDeepseek3 =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|(?:[^\\r\\n\\p{L}\\p{P}\\p{S}]|~)?[\\p{L}\\p{M}]+"
    "| ?(?:(?!~)[\\p{P}\\p{S}])+[\\r\\n]*|" SPACES;
constexpr std::string_view kSpark =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|(?:[^\\r\\n\\p{L}\\p{P}\\p{S}]|~)?[\\p{L}\\p{M}]+"
    "| ?(?:(?!~)[\\p{P}\\p{S}])+|[\\r\\n]|\\s+(?!\\S)|\\s+";
constexpr std::string_view kPoro = " ?[^(\\s|.,!?…。，、।۔،)]+";
constexpr std::string_view kLines = "[^\\n]+|[\\n]+";
constexpr std::string_view kGpt4o =
    LEAD UPPER "*" LOWER "+" CONTRACTIONS "?|" LEAD UPPER "+" LOWER "*" CONTRACTIONS
               "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES;
constexpr std::string_view kTekken =
    LEAD UPPER "*" LOWER "+|" LEAD UPPER "+" LOWER "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES;
constexpr std::string_view kGraniteMulti =
    LEAD "(?:(?![a-z])[\\p{L}\\p{M}])*(?:(?![A-Z])[\\p{L}\\p{M}])+" CONTRACTIONS "?|" LEAD
         "(?:(?![a-z])[\\p{L}\\p{M}])+(?:(?![A-Z])[\\p{L}\\p{M}])*" CONTRACTIONS
         "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES;
// Written with \p{Lu} and the like, which llama.cpp's collapsed text reads as "any letter".
constexpr std::string_view kAnyLetters =
    LEAD "[\\p{L}\\p{M}]+" CONTRACTIONS "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES;
constexpr std::string_view kYoutuWords =
    LEAD "[\\p{L}\\p{M}]+" CONTRACTIONS "?|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES;

constexpr std::string_view kKimi =
    "\\p{Han}+|" LEAD
    "(?:(?!\\p{Han})[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}])*(?:(?!\\p{Han})[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}])"
    "+" CONTRACTIONS "?|" LEAD
    "(?:(?!\\p{Han})[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}])+(?:(?!\\p{Han})[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}])"
    "*" CONTRACTIONS "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES;

// DeepSeek's first vocabulary: the cased letters, written out. U+3000 is left out of the punctuation:
// llama.cpp matches this expression on a text in which wide spaces are U+000B.
constexpr std::string_view kDeepseekLetters =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-"
    "ᵷᵹ-"
    "ᶚ"
    "\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}"
    "\\x{1f5b}\\x{1f5d}"
    "\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}"
    "\\x{1fd0}-\\x{1fd3}"
    "\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-"
    "\\x{2113}\\x{2115}"
    "\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-"
    "\\x{213f}"
    "\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}Ⰰ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎ\\x{ab70}-\\x{abbf}\\x{fb00}"
    "-"
    "\\x{fb06}\\x{fb13}-\\x{fb17}"
    "Ａ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
constexpr std::string_view kDeepseekPunctuation = "\\s?[!-/:-~！-／：-～‘-‟、-。]+";
// \s+$ alone would be tried from every space of a long run: quadratic time.
constexpr std::string_view kSpacesAtEnd = "(?<!\\s)\\s+$";
constexpr std::string_view kDeepseekCjk = "[一-龥ࠀ-一가-퟿]+";

constexpr std::string_view kExaoneMoe =
    CONTRACTIONS "|" LEAD
                 "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| "
                 "?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
constexpr std::string_view kBailing =
    "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" LEAD
    "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
constexpr std::string_view kSeedCoder =
    CONTRACTIONS "|" LEAD "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACES;
constexpr std::string_view kUfakzeka = LEAD "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES;
constexpr std::string_view kJais2 =
    CONTRACTIONS "|" LEAD
                 "\\p{L}+|\\p{N}{1,3}| "
                 "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)"
                 "|\\s{64}(?!\\S)"
                 "|\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}";
constexpr std::string_view kMinicpm5 =
    CONTRACTIONS "|" LEAD "\\p{L}+|\\p{N}+| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES;
constexpr std::string_view kAfmoeDigits =
    "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))";  // groups of three from the right
constexpr std::string_view kAfmoeCjk =
    "[一-鿿㐀-\\x{4dbf}\\x{f900}-\\x{faff}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}\\x{ff65}-\\x{ff9f}\\x{"
    "2f00}"
    "-\\x{2fdf}\\x{e40}-\\x{e7f}\\x{e80}-\\x{eff}\\x{1780}-\\x{17ff}"
    "\\x{1000}-\\x{109f}\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}\\x{ac00}-\\x{d7af}\\x{1100}-\\x{11ff}]+";
constexpr std::string_view kYoutuCjk =
    "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kTinyAyaDigits = "[0-9]{1,3}(?=(?:[0-9]{3})*(?![0-9A-Za-z_]))";

#undef CONTRACTIONS
#undef SPACES
#undef UPPER
#undef LOWER
#undef LEAD

struct Row {
  std::vector<std::string_view> names;
  PreTokenizer pre;
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {{"", "default"}, {{R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", kThreeDigits}}},
      {{"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
        "jina-v5-nano"},
       {{kLlama3}, true, true, true}},
      {{"minicpm5"}, {{kDigits3, kMinicpm5}, true, true}},
      {{"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, {{kLlama3}}},
      {{"deepseek-llm"},
       {{"[\\r\\n]", kDeepseekLetters, kDeepseekPunctuation, kSpacesAtEnd, kDeepseekCjk, R"(\p{N}+)"},
        false}},
      {{"deepseek-coder"}, {{"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", kDeepseekCjk, kDigit}, false}},
      {{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"}, {{kDigits3, kCjk, kDeepseek3}, false}},
      {{"spark2_5"}, {{kDigits3, kCjk, kSpark, kDigit}, false}},
      {{"youtu"}, {{kYoutuCjk, kYoutuWords}, false, true}},
      {{"falcon"}, {{R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2, kThreeDigits}}},
      {{"starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"}, {{kDigit, kGpt2}}},
      {{"command-r", "smollm"}, {{kDigit, kGpt2}, false}},
      {{"gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
        "modern-bert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "mpt", "olmo", "jais", "exaone4"},
       {{kGpt2}}},
      {{"trillion", "granite-docling"}, {{kGpt2}, false}},
      {{"jais-2"}, {{kJais2}}},
      {{"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "hunyuan", "grok-2", "solar-open"},
       {{kQwen2}, false}},
      {{"stablelm2", "megrez"}, {{kQwen2}}},
      {{"qwen35"}, {{kQwen35}, false}},
      {{"poro-chat"}, {{kPoro}, false}},
      {{"bloom", "gpt3-finnish"}, {{kPoro}}},
      {{"viking"}, {{kPoro, kDigit}, false}},
      {{"tekken"}, {{kTekken}, false, true, true}},
      {{"chameleon"},
       {{"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )", kDigit,
         R"([\p{P}!-/:-@\[-`{-~])", kGpt2},
        false,
        false,
        true}},
      {{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {{kGpt4o}, false}},
      {{"granite-embed-multi-97m"}, {{kGraniteMulti}, false, true}},
      {{"tiny_aya", "cohere2moe"}, {{kTinyAyaDigits, kAnyLetters}, false}},
      {{"superbpe"}, {{R"(\p{N}+)", "(?=([0-9]{3})+(?![0-9]))"}, false}},
      {{"bailingmoe", "bailingmoe2", "llada-moe"}, {{kBailing}, false}},
      {{"seed-coder"}, {{kSeedCoder}, false}},
      {{"kimi-k2"}, {{kKimi}, false}},
      {{"ufakzeka"}, {{kUfakzeka}, false}},
      {{"afmoe"}, {{kAfmoeDigits, kAfmoeCjk, kDeepseek3}, false}},
      {{"laguna"}, {{kLines, kQwen2}, false}},
      {{"exaone-moe"}, {{kExaoneMoe}}},
      {{"gemma4", "granite-embed-multi-311m"}, {{kLines}, true, false, true, true, true}},
      {{"sarvam-moe"}, {{kLines}, false, false, false, true}},
  };
  return rows;
}

}  // namespace

const PreTokenizer* find_pretokenizer_or_null(std::string_view name) {
  for (const Row& row : table())
    for (const std::string_view known : row.names)
      if (known == name) return &row.pre;
  return nullptr;
}

}  // namespace fabula::text
