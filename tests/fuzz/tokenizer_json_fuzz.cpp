// tokenizer.json up to the ids of a text and back. The first byte tells whether the rest is the file alone,
// or a normalizer, pre-tokenizer or decoder put into a small file that is otherwise right.
#include <string>
#include <string_view>

#include "core/text/tokenizer.h"

using namespace fabula;

namespace {

constexpr std::string_view kText =
    "It's  a <s> st\u00f6ry, e\u0301 \u6f22\u5b57 123\n\n\xf0\x9f\x98\x80 \xff";

std::string small_file(std::string_view part, char which) {
  const auto slot = [&](char letter) { return which == letter ? std::string(part) : std::string("null"); };
  return R"({"normalizer":)" + slot('n') + R"(,"pre_tokenizer":)" + slot('p') + R"(,"decoder":)" + slot('d') +
         R"(,"post_processor":)" + slot('q') +
         R"(,"added_tokens":[{"id":3,"content":"<s>","special":true}],)"
         R"("model":{"type":"BPE","unk_token":"a","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})";
}

void exercise(std::string_view json) {
  const auto made = text::make_tokenizer_from_hf_json(json, "");
  if (!made.ok()) return;
  const auto ids = (*made)->encode(kText);
  (void)(*made)->decode(ids, true);
  const text::TextRange plain{5, 12};
  (void)(*made)->encode_with_plain_ranges(kText, {&plain, 1}, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size > 0 && std::string_view("npdq").find(bytes[0]) != std::string_view::npos)
    exercise(small_file(bytes.substr(1), bytes[0]));
  else
    exercise(bytes);
  return 0;
}
