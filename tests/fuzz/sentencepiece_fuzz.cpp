// A SentencePiece .model: what the check lets through, the library must survive.
#include <string_view>

#include "core/text/tokenizer.h"

using namespace fabula;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto made = text::make_tokenizer_from_sentencepiece({reinterpret_cast<const char*>(data), size});
  if (!made.ok()) return 0;
  const auto ids =
      (*made)->encode("A quick  story, e\u0301 \uff21\u2460 \u6f22\u5b57 \xf0\x9f\x98\x80 \xff.");
  (void)(*made)->decode(ids, true);
  return 0;
}
