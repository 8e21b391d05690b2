// What the text tests share: an engine without a GPU, and strings of many scripts made from a seed.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "app/gui/text/text_engine.h"
#include "tests/support/support.h"

namespace fabula::test {

// Textures that only remember what was asked of them.
class MemoryTextures final : public text::TextureSink {
 public:
  text::TextureId create(int width, int height, text::TextureFormat) override {
    live[next] = static_cast<size_t>(width) * height;
    return next++;
  }
  void upload(text::TextureId texture, int x, int y, int width, int height, text::TextureFormat,
              const char* pixels) override {
    CHECK(live.count(texture) == 1);
    CHECK((x >= 0 && y >= 0 && width > 0 && height > 0 && pixels != nullptr));
    ++uploads;
  }
  void destroy(text::TextureId texture) override { CHECK(live.erase(texture) == 1); }

  std::map<text::TextureId, size_t> live;
  text::TextureId next = 1;
  int uploads = 0;
};

struct TextFixture {
  MemoryTextures textures;
  std::unique_ptr<text::TextEngine> engine;

  TextFixture() {
    auto made = text::TextEngine::create({}, textures);
    if (made) engine = *std::move(made);
  }
  // A machine without any font cannot run these tests; it says so.
  bool usable() const {
    if (!engine) MESSAGE("skipped: no font on this machine");
    return engine != nullptr;
  }
};

// Pieces whose boundaries are hard: combining marks, joiners, flags, both directions, ideographs, ill-formed
// bytes.
inline const std::vector<std::string>& pieces() {
  static const std::vector<std::string> list = {
      "a",        "word",
      " ",        "  ",
      "\n",       "fi",
      "office",   "Zażółć",
      "e\u0301",  "a\u0300\u0316",
      "don't",    "3.14",
      "中文",     "。",
      "「",       "日本語",
      "カタカナ", "한국어",
      "שלום",     "עִבְרִית",
      "العربية",  "لا",
      "123",      "नमस्ते",
      "ไทย",      "😀",
      "👍🏽", "👩‍👩‍👧",
      "🇩🇪",       "🇯",
      "1️⃣",  "\t",
      "\u200d",   "\u2028",
      "\u00ad",   "(",
      "->",
  };
  return list;
}

inline std::string random_text(std::mt19937_64& random, int length, bool ill_formed = false) {
  std::string out;
  for (int i = 0; i < length; ++i) {
    if (ill_formed && random() % 4 == 0)
      out += static_cast<char>(random() % 256);
    else
      out += pieces()[random() % pieces().size()];
  }
  return out;
}

}  // namespace fabula::test
