// .model files against SentencePiece itself, and what the check refuses before the library sees it.
#include <doctest/doctest.h>

#include "core/text/tokenizer.h"
#include "tests/core/text/tokenizer_checks.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::text;
using Ids = std::vector<int32_t>;

TEST_CASE("SentencePiece models give the library's ids and decodes") {
  FABULA_REQUIRE_TESTDATA();
  const auto texts = test::corpus();
  for (const char* name :
       {"llama2", "mistral-v1", "open_llama_3b", "spm_test_unigram_en", "spm_test_unigram_ja"}) {
    const std::string base = std::string("tokenizers/sentencepiece/") + name;
    const auto path = test::testdata_file(base + ".model");
    if (!path) continue;
    const auto made = make_tokenizer_from_sentencepiece(test::read_text(*path));
    REQUIRE_MESSAGE(made.ok(), name << ": " << (made.ok() ? "" : made.error().message));
    const Tokenizer& tokenizer = **made;
    const auto reference = test::read_json(base + ".encodings.json");
    CHECK(tokenizer.vocab_size() == reference.at("vocab_size").get<int>());
    CHECK(tokenizer.bos_or_negative() == reference.at("bos").get<int>());
    CHECK(tokenizer.eos_or_negative() == reference.at("eos").get<int>());
    test::Differences differences(name);
    for (const auto& item : reference.at("items")) {
      const auto found = texts.find(item.at("id").get<int>());
      if (found == texts.end()) continue;
      const std::string& text = found->second;
      const auto ids = item.at("ids").get<Ids>();
      differences.ids("ids", text, ids, tokenizer.encode(text));
      differences.text("decode", text, item.at("decoded").get<std::string>(), tokenizer.decode(ids, false));
    }
    CHECK(differences.compared() > 500);
    CHECK(differences.count() == 0);
  }
}
