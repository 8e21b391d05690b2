// Hostile and broken tokenizer files: a clear error, never a crash.
#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "core/text/normalizer.h"
#include "core/text/tokenizer.h"
#include "tests/core/text/tokenizer_checks.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::text;

namespace {

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out += static_cast<char>(value);
}

std::string bytes_field(uint32_t number, std::string_view bytes) {
  return (varint(uint64_t{number} << 3 | 2) + varint(bytes.size())).append(bytes);
}

std::string number_field(uint32_t number, uint64_t value) {
  return varint(uint64_t{number} << 3) + varint(value);
}

std::string piece(std::string_view text, float score, int type) {
  std::string raw(4, '\0');
  std::memcpy(raw.data(), &score, 4);
  return bytes_field(
      1, bytes_field(1, text) + varint(2 << 3 | 5) + raw + number_field(3, static_cast<uint64_t>(type)));
}

std::string u32(uint32_t value) {
  std::string out;
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

// 256 units that lead nowhere, and one replacement.
std::string empty_charsmap(uint32_t first_unit = 0) {
  std::string out = u32(1024) + u32(first_unit);
  for (int i = 1; i < 256; ++i) out += u32(0);
  return out + std::string("x\0", 2);
}

const std::string kGood = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) +
                          piece("a", -1, 1) + piece("b", -2, 1) + piece("ab", -1.5f, 1) +
                          piece("\xe2\x96\x81", -3, 1);

Result<std::shared_ptr<const Tokenizer>> open_model(const std::string& bytes) {
  return make_tokenizer_from_sentencepiece(bytes);
}

void refuses(const std::string& bytes, std::string_view part) {
  const auto made = open_model(bytes);
  REQUIRE(!made.ok());
  INFO(made.error().message);
  CHECK(made.error().message.find(part) != std::string::npos);
}

std::string with_normalizer(const std::string& charsmap) {
  return kGood + bytes_field(3, bytes_field(2, charsmap));
}

std::string json_with(std::string_view change) {
  return std::string(
             R"({"added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,)"
             R"("model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]})")
      .append(change)
      .append("}");
}

void refuses_json(const std::string& json, std::string_view part) {
  const auto made = make_tokenizer_from_hf_json(json, "");
  REQUIRE(!made.ok());
  INFO(made.error().message);
  CHECK(made.error().message.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("the tokenizer.json files that Hugging Face refuses are refused with the reason") {
  FABULA_REQUIRE_TESTDATA();
  const auto refuse = [](const char* name, const char* part) {
    const auto path = test::testdata_file(std::string("malformed/tokenizers/") + name + ".tokenizer.json");
    if (path) refuses_json(test::read_text(*path), part);
  };
  refuse("gpt2-merge-token-not-in-vocab", "not in the vocabulary");
  refuse("llama2-nbsp-flattened", "not two tokens");
}

TEST_CASE("what tokenizer.json cannot be is refused by name") {
  CHECK(make_tokenizer_from_hf_json(json_with(""), "").ok());
  refuses_json("", "tokenizer.json");
  refuses_json("[]", "not an object");
  refuses_json("{}", "no model");
  refuses_json(json_with(R"(,"normalizer":{"type":"Strange"})"), "Strange");
  refuses_json(json_with(R"(,"pre_tokenizer":{"type":"UnicodeScripts"})"), "UnicodeScripts");
  refuses_json(
      json_with(R"(,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"})"),
      "not valid at byte");
  refuses_json(json_with(R"(,"decoder":{"type":"CTC"})"), "CTC");
  refuses_json(json_with(R"(,"post_processor":{"type":"Other"})"), "Other");
  refuses_json(json_with(R"(,"added_tokens":[{"id":-1,"content":"x"}])"), "token id");
  refuses_json(json_with(R"(,"added_tokens":[{"id":16000000,"content":"x"}])"), "near the vocabulary");
  refuses_json(R"({"model":{"type":"BPE","vocab":{"a":0,"b":16000000},"merges":[]}})", "gaps");
  refuses_json(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}})", "not in the vocabulary");
  refuses_json(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}})", "dropout");
  refuses_json(R"({"model":{"type":"WordLevel","vocab":{"a":0}}})", "WordLevel");
  refuses_json(R"({"model":{"type":"Unigram","vocab":[["a",0]],"unk_id":7}})", "unk_id");
  std::string deep = "null";
  for (int i = 0; i < 200; ++i) deep = R"({"type":"Sequence","pretokenizers":[)" + deep + "]}";
  refuses_json(json_with(",\"pre_tokenizer\":" + deep), "deep");
}

TEST_CASE("a small SentencePiece model is accepted, and every cut of it gives an error or a model") {
  const auto made = open_model(kGood);
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().message));
  CHECK((*made)->decode((*made)->encode("ab a"), false) == "ab a");
  for (size_t size = 0; size < kGood.size(); ++size) {
    const auto cut = open_model(kGood.substr(0, size));
    if (!cut.ok()) CHECK(!cut.error().message.empty());
  }
}

TEST_CASE("SentencePiece models that the library would trust are refused") {
  refuses("", "no pieces");
  refuses(piece("a", 0, 1), "unknown pieces");
  refuses(kGood + piece("a", 0, 1), "twice");
  refuses(kGood + piece("", 0, 1), "is empty");
  refuses(kGood + piece(std::string("x\0y", 3), 0, 1), "NUL");
  refuses(kGood + piece("\xff", 0, 1), "UTF-8");
  refuses(kGood + piece("q", std::numeric_limits<float>::quiet_NaN(), 1), "not finite");
  refuses(kGood + piece("q", 0, 9), "type 9");
  refuses(kGood + piece("<0x41>", 0, 6), "byte_fallback");
  refuses(kGood + bytes_field(2, number_field(35, 1)), "0 byte pieces");
  refuses(kGood + bytes_field(2, number_field(3, 17)), "model type 17");
  refuses(kGood + number_field(3, 1), "wire type");
  refuses(kGood + varint(1 << 3 | 3), "wire type 3");
  refuses(kGood + "\x0a\xff\xff\xff\xff\x7f", "are left");
  refuses(kGood + bytes_field(4, std::string(2 << 20, 'x')), "self test");
}

TEST_CASE("character maps whose trie leads out of its array are refused (CVE-2026-1260)") {
  const auto accepted = open_model(with_normalizer(empty_charsmap()));
  CHECK_MESSAGE(accepted.ok(), (accepted.ok() ? "" : accepted.error().message));
  refuses(with_normalizer("abc"), "only 3 bytes");
  refuses(with_normalizer(u32(0xfffffff0u) + std::string(2048, 'x')), "a trie of");
  refuses(with_normalizer(u32(1024) + std::string(1024, '\0')), "do not end with NUL");
  refuses(with_normalizer(empty_charsmap(0x1fffffu << 10)),
          "behind the end");  // an offset of two million units
  refuses(with_normalizer(empty_charsmap(0x1fffffu << 10 | 1u << 9)),
          "behind the end");  // shifted by eight as well
  refuses(with_normalizer(empty_charsmap(1u << 8)), "without a value");
  refuses(with_normalizer(empty_charsmap(1u << 31 | 500)), "a replacement at byte 500");
  refuses(kGood + bytes_field(5, bytes_field(2, "abcdefgh")),
          "precompiled_charsmap");  // the denormalizer's as well
}

TEST_CASE("real models with random bytes changed load or are refused") {
  FABULA_REQUIRE_TESTDATA();
  const auto path = test::testdata_file("tokenizers/sentencepiece/spm_test_unigram_en.model");
  if (!path) return;
  const std::string good = test::read_text(*path);
  std::mt19937_64 random(test::seed());
  int loaded = 0;
  for (int round = 0; round < 60; ++round) {
    std::string bytes = good;
    for (size_t i = 1 + random() % 4; i > 0; --i)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto made = open_model(bytes);
    if (!made.ok()) continue;
    ++loaded;
    (*made)->decode((*made)->encode("The quick brown fox, \u2460 \uff21 \u0301 e\u0301."), true);
  }
  MESSAGE(loaded << " of 60 changed models were accepted");
}
