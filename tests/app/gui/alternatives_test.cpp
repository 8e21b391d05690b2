// Which token of a reply stands where, and how a token is shown to a person.
#include "app/gui/panels/alternatives.h"

#include <doctest/doctest.h>

#include "core/base/file.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::gui;

namespace {

// Llama 2's: what its vocabulary lacks it writes byte by byte.
std::shared_ptr<const text::Tokenizer> byte_fallback_tokenizer() {
  const auto file = fabula::test::testdata_file("tokenizers/sentencepiece/llama2.model");
  auto made = text::make_tokenizer_from_sentencepiece(file ? fabula::test::read_text(*file) : std::string());
  REQUIRE(made.ok());
  return *made;
}

}  // namespace

TEST_CASE("every byte of a reply belongs to the token that wrote it") {
  FABULA_REQUIRE_TESTDATA();
  const auto tokenizer = byte_fallback_tokenizer();
  session::Message message;
  message.text = " there was a little girl named 莉莉.\nShe loved 🦊s";
  message.tokens = tokenizer->encode(message.text, {.add_special = false, .parse_special = false, .continues = true});
  const auto ends = token_ends(tokenizer, message);
  REQUIRE(ends.size() == message.tokens.size());
  CHECK(ends.back() == message.text.size());
  CHECK(std::is_sorted(ends.begin(), ends.end()));
  std::string again;
  for (size_t i = 0; i < ends.size(); ++i) again += message.text.substr(i == 0 ? 0 : ends[i - 1], ends[i] - (i == 0 ? 0 : ends[i - 1]));
  CHECK(again == message.text);
  // The end of a text may be held back (a stop string); a text that was changed by hand has no such places.
  message.text.resize(ends[3]);
  CHECK(token_ends(tokenizer, message).size() == ends.size());
  message.text = "something else";
  CHECK(token_ends(tokenizer, message).empty());
}

TEST_CASE("tokens are shown as words: joined ones with dots, white space and parts of characters by signs") {
  FABULA_REQUIRE_TESTDATA();
  const auto tokenizer = byte_fallback_tokenizer();
  int whole = 0, joined = 0, parts = 0;
  for (int32_t token = 0; token < tokenizer->vocab_size(); ++token) {
    const std::string words = token_words(*tokenizer, token, true);
    CAPTURE(token);
    CHECK(words.find('\n') == std::string::npos);
    const std::string bytes = tokenizer->token_bytes(token, false);
    CHECK(words.empty() == bytes.empty());
    joined += words.starts_with("…");
    parts += words.starts_with('#') && words.size() > 1;
    whole += token_words(*tokenizer, token, false) == bytes;
    const bool dots_of_its_own = bytes.find("…") != std::string::npos;
    CHECK((dots_of_its_own || !token_words(*tokenizer, token, false).starts_with("…")));
  }
  CHECK(whole > 200);
  CHECK(joined > 100);
  MESSAGE(whole << " words, " << joined << " that join on, " << parts << " parts of characters");
}
