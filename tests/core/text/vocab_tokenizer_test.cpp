// GGUF vocabularies against llama.cpp's ids and decodes.
#include <doctest/doctest.h>

#include <sstream>
#include "core/base/utf8.h"

#include "tests/core/text/tokenizer_checks.h"
#include "tests/core/text/vocab_file.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::text;
using Ids = std::vector<int32_t>;

namespace {

std::shared_ptr<const Tokenizer> open_vocab(std::string_view relative) {
  const auto path = test::testdata_file(relative);
  REQUIRE(path.has_value());
  auto made = make_tokenizer_from_vocab(test::read_vocab_file(*path));
  REQUIRE_MESSAGE(made.ok(), relative << ": " << (made.ok() ? "" : made.error().message));
  return *made;
}

void compare_with_llamacpp(const std::string& vocab, const std::string& reference) {
  INFO(vocab);
  const auto tokenizer = open_vocab(vocab);
  const auto texts = test::corpus();
  const auto expected = test::read_json(reference);
  test::Differences differences(vocab);
  for (const auto& item : expected.at("items")) {
    const auto found = texts.find(item.at("id").get<int>());
    if (found == texts.end()) continue;
    const std::string& text = found->second;
    const auto ids = item.at("ids").get<Ids>();
    differences.ids("ids", text, ids, tokenizer->encode(text));
    differences.ids("plain ids", text, item.at("ids_plain").get<Ids>(),
                    tokenizer->encode(text, {false, false}));
    const auto decode = [&](const char* key, bool keep) {
      const std::string bytes = test::from_hex(item.at(key).get<std::string>());
      differences.text(key, text, replace_invalid_utf8(bytes), tokenizer->decode(ids, keep));
    };
    decode("decoded_skip_special_hex", false);
    decode("decoded_special_hex", true);
  }
  for (const auto& item : expected.value("invalid_utf8", nlohmann::json::array())) {
    const std::string text = test::from_hex(item.at("hex").get<std::string>());
    differences.ids("ids", text, item.at("ids").get<Ids>(), tokenizer->encode(text));
    differences.ids("plain ids", text, item.at("ids_plain").get<Ids>(),
                    tokenizer->encode(text, {false, false}));
    differences.text("decode", text,
                     replace_invalid_utf8(test::from_hex(item.at("decoded_special_hex").get<std::string>())),
                     tokenizer->decode(item.at("ids").get<Ids>(), true));
  }
  CHECK(differences.compared() > 500);
  CHECK(differences.count() == 0);
}

// llama.cpp's own .inp and .out beside a vocabulary. The .out has no BOS and does not parse special tokens.
void compare_with_inp_out(const std::string& vocab) {
  INFO(vocab);
  const auto tokenizer = open_vocab(vocab);
  const auto inp = test::testdata_file(vocab + ".inp"), out = test::testdata_file(vocab + ".out");
  REQUIRE(inp.has_value());
  REQUIRE(out.has_value());
  const std::string texts = test::read_text(*inp), lines = test::read_text(*out);
  test::Differences differences(vocab);
  const std::string separator = "\n__ggml_vocab_test__\n";
  size_t line = 0;
  for (size_t at = 0; at <= texts.size();) {
    const size_t end = std::min(texts.find(separator, at), texts.size());
    const size_t line_end = lines.find('\n', line);
    if (line_end == std::string::npos) break;
    Ids expected;
    std::istringstream numbers(lines.substr(line, line_end - line));
    for (int32_t id = 0; numbers >> id;) expected.push_back(id);
    differences.ids("ids", texts.substr(at, end - at), expected,
                    tokenizer->encode(texts.substr(at, end - at), {false, false}));
    line = line_end + 1;
    at = end + separator.size();
  }
  CHECK(differences.compared() > 40);
  CHECK(differences.count() == 0);
}

}  // namespace

TEST_CASE("GGUF vocabularies give llama.cpp's ids and decodes") {
  FABULA_REQUIRE_TESTDATA();
  for (const char* name : {"deepseek-coder", "deepseek-llm", "falcon", "gemma-4", "gpt-2", "llama-bpe",
                           "llama-spm", "mpt", "phi-3", "qwen2", "qwen35", "refact", "starcoder"}) {
    const std::string base = std::string("tokenizers/ggml-vocab/ggml-vocab-") + name;
    compare_with_llamacpp(base + ".gguf", base + ".llamacpp.json");
    compare_with_inp_out(base + ".gguf");
  }
}

TEST_CASE("stories260K's vocabulary gives llama.cpp's ids and decodes") {
  FABULA_REQUIRE_TESTDATA();
  compare_with_llamacpp("models/stories260k/generated/stories260K-F32.gguf",
                        "tokenizers/ggml-vocab/stories260K-F32.llamacpp.json");
}

TEST_CASE("what a vocabulary cannot be is refused by name") {
  const auto refuse = [](VocabSpec spec, const char* part) {
    const auto made = make_tokenizer_from_vocab(std::move(spec));
    REQUIRE(!made.ok());
    CHECK(made.error().message.find(part) != std::string::npos);
  };
  refuse({.model = "gpt2", .pre = "no-such-thing", .tokens = {"a", "b"}, .merges = {"a b"}}, "no-such-thing");
  refuse({.model = "rwkv", .tokens = {"a"}}, "rwkv");
  refuse({.model = "gpt2", .pre = "gpt-2", .tokens = {"a"}}, "merges");
  refuse({.model = "llama"}, "0 tokens");
  refuse({.model = "llama", .tokens = {"a", "b"}, .scores = {0.0f}}, "1 scores for 2 tokens");
}
