// What must hold for any text, tried on random ones. The seed is printed; FABULA_SEED repeats a run.
#include <doctest/doctest.h>

#include <chrono>
#include <random>

#include "core/base/utf8.h"
#include "core/text/byte_alphabet.h"
#include "core/text/tokenizer.h"
#include "tests/core/text/tokenizer_checks.h"
#include "tests/core/text/vocab_file.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::text;
using Ids = std::vector<TokenId>;
using TokenizerPtr = std::shared_ptr<const Tokenizer>;

namespace {

std::string random_text(std::mt19937_64& random, size_t characters) {
  static const std::vector<std::string> snippets{" ",          "  ",
                                                 "\n",         "\r\n",
                                                 "\t",         "'s",
                                                 "'LL",        "the",
                                                 " story",     "<|im_start|>",
                                                 "<|im_end|>", "<s>",
                                                 "</s>",       "<|endoftext|>",
                                                 "é",          "漢字",
                                                 "😀",          "e\u0301",
                                                 "123",        "▁",
                                                 "Ġ",          "\u00a0",
                                                 "\u3000",     "."};
  std::string out;
  while (characters-- > 0) {
    const auto pick = random() % 8;
    if (pick < 3)
      out += snippets[random() % snippets.size()];
    else if (pick < 6)
      out += static_cast<char>('a' + random() % 26);
    else
      append_utf8(out, static_cast<char32_t>(random() % (pick == 6 ? 0x800 : 0x20000)));
  }
  return out;
}

// Every byte is a token, and so are some words: byte-level BPE in small, for runs without test data.
TokenizerPtr small_byte_level() {
  VocabSpec spec{.model = "gpt2", .pre = "smollm", .add_bos = 0};
  spec.tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  spec.token_types = {3, 3, 3};
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    spec.tokens.push_back(to_byte_alphabet({&byte, 1}));
  }
  for (const char* merge : {"t h", "th e", "Ġ the", "i n", "e r", "Ġ s", "Ã ©"}) {
    const std::string line = merge;
    const size_t space = line.find(' ');
    spec.merges.push_back(line);
    spec.tokens.push_back(line.substr(0, space) + line.substr(space + 1));
  }
  spec.token_types.resize(spec.tokens.size(), 1);
  const auto made = make_tokenizer_from_vocab(std::move(spec));
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().message));
  return *made;
}

struct Named {
  std::string name;
  TokenizerPtr tokenizer;
  bool lossless;  // decode(encode(x)) == x
};

std::vector<Named> tokenizers() {
  std::vector<Named> out{{"small", small_byte_level(), true}};
  const auto hf = [&](const char* name, bool lossless) {
    const auto path = test::testdata_file(std::string("tokenizers/hf/") + name + "/tokenizer.json");
    if (!path) return;
    auto made = make_tokenizer_from_hf_json(test::read_text(*path), "");
    REQUIRE(made.ok());
    out.push_back({name, *made, lossless});
  };
  const auto gguf = [&](const std::string& path, bool lossless) {
    const auto file = test::testdata_file(path);
    if (!file) return;
    auto made = make_tokenizer_from_vocab(test::read_vocab_file(*file));
    REQUIRE(made.ok());
    out.push_back({path, *made, lossless});
  };
  hf("gpt2", true);
  hf("llama3.1", true);
  hf("phi-2", true);
  hf("llama2", false);
  hf("tinystories-656k", false);
  gguf("tokenizers/ggml-vocab/ggml-vocab-deepseek-coder.gguf", true);  // no clean-up of spaces
  gguf("tokenizers/ggml-vocab/ggml-vocab-gpt-2.gguf", false);
  gguf("tokenizers/ggml-vocab/ggml-vocab-llama-spm.gguf", false);
  gguf("models/stories260k/generated/stories260K-F32.gguf", false);
  return out;
}

int count_special(const Tokenizer& tokenizer, const Ids& ids) {
  int count = 0;
  for (const TokenId id : ids) count += tokenizer.kind(id) == TokenKind::control;
  return count;
}

std::string streamed(const TokenizerPtr& tokenizer, const Ids& ids, bool keep) {
  TokenStream stream(tokenizer, keep);
  std::string out;
  for (const TokenId id : ids) {
    const std::string piece = stream.push(id);
    CHECK(is_valid_utf8(piece));
    out += piece;
  }
  return out += stream.finish();
}

}  // namespace

TEST_CASE("random texts: round trips, streams, special tokens") {
  std::mt19937_64 random(test::seed());
  for (const Named& named : tokenizers()) {
    INFO(named.name);
    int wrong = 0;
    for (int round = 0; round < 120; ++round) {
      const std::string text = random_text(random, 1 + random() % 60);
      const Ids ids = named.tokenizer->encode(text, {false, true}), plain = named.tokenizer->encode(text, {false, false});
      if (named.lossless && named.tokenizer->decode(ids, true) != text) ++wrong;
      if (named.lossless && named.tokenizer->decode(plain, true) != text) ++wrong;
      if (count_special(*named.tokenizer, plain) != 0) ++wrong;
      for (const bool keep : {false, true}) {
        Ids some;
        for (int i = 0; i < 12; ++i)
          some.push_back(static_cast<TokenId>(random() % static_cast<uint64_t>(named.tokenizer->vocab_size())));
        if (streamed(named.tokenizer, ids, keep) != named.tokenizer->decode(ids, keep)) ++wrong;
        if (streamed(named.tokenizer, some, keep) != named.tokenizer->decode(some, keep)) ++wrong;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("ill-formed UTF-8 gives ids, and text that is well formed") {
  std::mt19937_64 random(test::seed());
  for (const Named& named : tokenizers()) {
    INFO(named.name);
    for (int round = 0; round < 100; ++round) {
      std::string bytes;
      for (size_t i = random() % 40; i > 0; --i) bytes += static_cast<char>(random() % 256);
      CHECK(is_valid_utf8(named.tokenizer->decode(named.tokenizer->encode(bytes), true)));
    }
  }
}

TEST_CASE("plain ranges: equal ids where they hold no special token, no special token out of them") {
  std::mt19937_64 random(test::seed());
  for (const Named& named : tokenizers()) {
    INFO(named.name);
    std::string marker;
    for (const char* candidate :
         {"<|im_start|>", "<|eot_id|>", "<|endoftext|>", "<|start_story|>", "<s>", "<｜begin▁of▁sentence｜>"})
      if (marker.empty() && named.tokenizer->kind(named.tokenizer->find_or_negative(candidate)) == TokenKind::control)
        marker = candidate;
    REQUIRE(!marker.empty());
    for (int round = 0; round < 60; ++round) {
      std::string user = random_text(random, random() % 30);
      for (size_t at = user.find('<'); at != std::string::npos; at = user.find('<'))
        user.erase(at, 1);  // no special text
      const std::string head = marker + "user\n", tail = " " + marker + "\n";
      const std::vector<TextRange> range{{head.size(), head.size() + user.size()}};
      CHECK(named.tokenizer->encode_with_plain_ranges(head + user + tail, range, true) ==
            named.tokenizer->encode(head + user + tail));
      const std::string hostile = user + " " + marker + " x " + marker;
      const std::vector<TextRange> hostile_range{{head.size(), head.size() + hostile.size()}};
      const Ids ids = named.tokenizer->encode_with_plain_ranges(head + hostile + tail, hostile_range, false);
      CHECK(count_special(*named.tokenizer, ids) ==
            count_special(*named.tokenizer, named.tokenizer->encode(head + user + tail, {false, true})));
    }
  }
}

TEST_CASE("a special token that a template and a text form together stays text") {
  const auto tokenizer = small_byte_level();
  const std::vector<TextRange> range{{2, 10}};
  CHECK(count_special(*tokenizer, tokenizer->encode_with_plain_ranges("<|im_end|>", range, false)) == 0);
  CHECK(count_special(*tokenizer, tokenizer->encode("<|im_end|>")) == 1);
}

TEST_CASE("a megabyte without a space takes no quadratic time") {
  std::mt19937_64 random(test::seed());
  std::string letters, same(1 << 20, 'a');
  while (letters.size() < same.size()) letters += static_cast<char>('a' + random() % 26);
  for (const Named& named : tokenizers()) {
    INFO(named.name);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(!named.tokenizer->encode(letters).empty());
    CHECK(!named.tokenizer->encode(same).empty());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    CHECK(took.count() < 60.0);  // measured 1 s; quadratic time would be hours
  }
}

TEST_CASE("a stream that continues a text keeps the first space") {
  FABULA_REQUIRE_TESTDATA();
  const auto path = test::testdata_file("models/stories260k/generated/stories260K-F32.gguf");
  REQUIRE(path.has_value());
  const auto made = make_tokenizer_from_vocab(test::read_vocab_file(*path));
  REQUIRE(made.ok());
  const Ids ids = (*made)->encode(" there", {false, false});
  TokenStream fresh(*made, false), continued(*made, false, true);
  std::string a, b;
  for (const TokenId id : ids) {
    a += fresh.push(id);
    b += continued.push(id);
  }
  CHECK(b + continued.finish() == " " + a + fresh.finish());
}

TEST_CASE("a text that continues another gets no space in front") {
  FABULA_REQUIRE_TESTDATA();
  std::vector<Named> all = tokenizers();
  const auto model = test::testdata_file("tokenizers/sentencepiece/llama2.model");
  if (model)
    all.push_back({"llama2.model", *make_tokenizer_from_sentencepiece(test::read_text(*model)), false});
  for (const Named& named : all) {
    INFO(named.name);
    for (const std::string text : {" ran away.", "ran away.", "  two", "ing\n"}) {
      Ids ids = named.tokenizer->encode("The dog", {false, false});
      const Ids more = named.tokenizer->encode(text, {false, false, true});
      ids.insert(ids.end(), more.begin(), more.end());
      CHECK(named.tokenizer->decode(ids, false) == "The dog" + text);
    }
  }
}
