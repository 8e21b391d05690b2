// tokenizer.json files against Hugging Face's tokenizers.
#include <doctest/doctest.h>

#include "core/text/tokenizer.h"
#include "tests/core/text/tokenizer_checks.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::text;
using Ids = std::vector<int32_t>;

namespace {

std::shared_ptr<const Tokenizer> open_hf(const std::string& folder) {
  const auto path = test::testdata_file(folder + "/tokenizer.json");
  if (!path) return nullptr;
  const auto config = test::testdata_file(folder + "/tokenizer_config.json");
  auto made = make_tokenizer_from_hf_json(test::read_text(*path), config ? test::read_text(*config) : "");
  REQUIRE_MESSAGE(made.ok(), folder << ": " << (made.ok() ? "" : made.error().message));
  return *made;
}

}  // namespace

TEST_CASE("tokenizer.json gives Hugging Face's ids and decodes") {
  FABULA_REQUIRE_TESTDATA();
  const auto texts = test::corpus();
  for (const char* name : {"deepseek-v3", "falcon", "gemma3", "gpt-oss", "gpt2", "llama2", "llama3.1",
                           "mistral-minueza", "phi-2", "phi-3-mini", "qwen3", "tinystories-656k"}) {
    const std::string folder = std::string("tokenizers/hf/") + name;
    const auto tokenizer = open_hf(folder);
    if (!tokenizer) continue;
    test::Differences differences(name);
    const auto reference = test::read_json(folder + "/encodings.json");
    for (const auto& item : reference.at("items")) {
      const auto found = texts.find(item.at("id").get<int>());
      if (found == texts.end()) continue;
      const std::string& text = found->second;
      const auto ids = item.at("ids").get<Ids>(), plain = item.at("ids_plain").get<Ids>();
      differences.ids("ids", text, ids, tokenizer->encode(text));
      differences.ids("ids without special", text, plain, tokenizer->encode(text, {false, true}));
      differences.text("decode", text, item.at("decoded").get<std::string>(), tokenizer->decode(ids, true));
      // Where special tokens are declared "normalized", newer versions do not skip them; the older value is
      // what is meant.
      const char* skipped = item.contains("decoded_skip_special_tokenizers_old")
                                ? "decoded_skip_special_tokenizers_old"
                                : "decoded_skip_special";
      differences.text("decode without special", text, item.at(skipped).get<std::string>(),
                       tokenizer->decode(ids, false));
      differences.text("plain decode", text, item.at("decoded_plain").get<std::string>(),
                       tokenizer->decode(plain, true));
    }
    CHECK(differences.compared() > 1000);
    CHECK(differences.count() == 0);
  }
}

TEST_CASE("third-party encodings of the same tokenizers") {
  FABULA_REQUIRE_TESTDATA();
  // Gemma's and Whisper's, BERT's and T5's tokenizers are not among the test data.
  const std::pair<const char*, const char*> passages[] = {{"falcon_encoded", "falcon"},
                                                          {"gpt2_encoded_tokens", "gpt2"},
                                                          {"llama_3.2_encoded", "llama3.1"},
                                                          {"llama_encoded", "llama2"}};
  for (const auto& [file, name] : passages) {
    const auto tokenizer = open_hf(std::string("tokenizers/hf/") + name);
    if (!tokenizer) continue;
    const auto item = test::read_json(std::string("tokenizers/swift-transformers/") + file + ".json");
    test::Differences differences(file);
    differences.ids("ids", "the passage", item.at("token_ids").get<Ids>(),
                    tokenizer->encode(item.at("text").get<std::string>()));
    differences.text("decode", "the passage", item.at("decoded_text").get<std::string>(),
                     tokenizer->decode(item.at("token_ids").get<Ids>(), true));
    CHECK(differences.count() == 0);
  }
  const std::pair<const char*, const char*> lists[] = {
      {"distilgpt2", "gpt2"},
      {"coreml-projects/Llama-2-7b-chat-coreml", "llama2"},
      {"tiiuae/falcon-7b", "falcon"},
      {"pcuenq/Llama-3.2-1B-Instruct-tokenizer", "llama3.1"}};
  const auto all = test::read_json("tokenizers/swift-transformers/tokenizer_tests.json");
  for (const auto& [list, name] : lists) {
    const auto tokenizer = open_hf(std::string("tokenizers/hf/") + name);
    if (!tokenizer) continue;
    test::Differences differences(list);
    for (const auto& item : all.at(list)) {
      const std::string text = item.at("input").get<std::string>();
      differences.ids("ids", text, item.at("encoded").at("input_ids").get<Ids>(), tokenizer->encode(text));
    }
    CHECK(differences.count() == 0);
  }
}
