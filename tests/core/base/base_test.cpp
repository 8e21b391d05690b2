#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/half_rows.h"
#include "core/base/hash.h"
#include "core/base/numeric.h"
#include "core/base/paths.h"
#include "core/base/spsc_ring.h"
#include "tests/support/support.h"

using namespace fabula;

TEST_CASE("rows of halves are the single conversions, bit for bit") {
  // Every half, its neighbours in f32, the middles between halves, and NaNs of all kinds; in rows of every remainder.
  std::vector<float> values;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    for (const uint32_t low : {0u, 1u, 0x0fffu, 0x1000u, 0x1001u, 0x1fffu})
      values.push_back(std::bit_cast<float>((bits >> 15) << 31 | (((bits & 0x7fffu) << 13) + (bits & 1 ? 0x38000000u : 0x37000000u) + low)));
  for (uint32_t bits = 0; bits < 0xffff0000u; bits += 0xffff) values.push_back(std::bit_cast<float>(bits));
  size_t begin = 0;
  for (size_t n = 1; begin + n <= values.size(); begin += n, n = n % 97 + 1) {
    std::vector<uint16_t> halves(n);
    std::vector<float> back(n);
    f32_to_f16_row(values.data() + begin, halves.data(), static_cast<int64_t>(n));
    f32_through_f16_row(values.data() + begin, back.data(), static_cast<int64_t>(n));
    for (size_t i = 0; i < n; ++i) {
      const uint16_t expected = f32_to_f16(values[begin + i]);
      REQUIRE(halves[i] == expected);
      REQUIRE(std::bit_cast<uint32_t>(back[i]) == std::bit_cast<uint32_t>(f16_to_f32(expected)));
    }
  }
}

TEST_CASE("SHA-256 of the vectors of FIPS 180-4") {
  const auto hex = [](std::string_view text) {
    Sha256 hash;
    hash.update(text);
    return to_hex(hash.finish());
  };
  CHECK(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("RFC 3339 goes there and back") {
  CHECK(format_rfc3339(0) == "1970-01-01T00:00:00.000Z");
  CHECK(format_rfc3339(1741964966535) == "2025-03-14T15:09:26.535Z");
  CHECK(parse_rfc3339_or_negative("2025-03-14T15:09:26.535Z") == 1741964966535);
  CHECK(parse_rfc3339_or_negative("2025-03-14T16:09:26.5+01:00") == 1741964966500);
  for (const char* bad : {"", "2025-03-14", "2025-13-14T15:09:26Z", "2025-03-14T15:09:26", "2025/03/14T15:09:26Z", "x"})
    CHECK(parse_rfc3339_or_negative(bad) == -1);
}

TEST_CASE("UUIDv7 sorts by time and never repeats") {
  std::set<std::string> seen;
  std::string last;
  for (int i = 0; i < 10000; ++i) {
    const std::string id = make_uuid_v7();
    REQUIRE(is_uuid(id));
    REQUIRE(id[14] == '7');
    REQUIRE((id[19] == '8' || id[19] == '9' || id[19] == 'a' || id[19] == 'b'));
    REQUIRE(id > last);
    last = id;
    seen.insert(id);
  }
  CHECK(seen.size() == 10000);
}

TEST_CASE("half floats: every f16 goes to f32 and back, and rounding is to nearest even") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      REQUIRE(std::isnan(f16_to_f32(f32_to_f16(value))));
      continue;
    }
    REQUIRE(f32_to_f16(value) == bits);
    // Halfway to the next f16 in magnitude goes to the even one; a hair to either side goes to the near one.
    if ((bits & 0x7fff) < 0x7bff) {
      const float next = f16_to_f32(static_cast<uint16_t>(bits + 1));
      const float half = static_cast<float>((static_cast<double>(value) + next) / 2);
      REQUIRE(f32_to_f16(half) == ((bits & 1) ? bits + 1 : bits));
      REQUIRE(f32_to_f16(std::nextafter(half, value)) == bits);
      REQUIRE(f32_to_f16(std::nextafter(half, next)) == bits + 1);
    }
  }
  CHECK(f32_to_f16(65519.996f) == 0x7bff);
  CHECK(f32_to_f16(65520.0f) == 0x7c00);
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = bf16_to_f32(static_cast<uint16_t>(bits));
    if (!std::isnan(value)) REQUIRE(f32_to_bf16(value) == bits);
  }
  CHECK(f32_to_bf16(std::bit_cast<float>(0x3f808000u)) == 0x3f80);
  CHECK(f32_to_bf16(std::bit_cast<float>(0x3f818000u)) == 0x3f82);
}

TEST_CASE("FP8 against the values of the OCP specification") {
  CHECK(f8_e4m3_to_f32(0x7e) == 448.0f);
  CHECK(f8_e4m3_to_f32(0x08) == 0x1p-6f);
  CHECK(f8_e4m3_to_f32(0x01) == 0x1p-9f);
  CHECK(f8_e4m3_to_f32(0xb8) == -1.0f);
  CHECK(std::isnan(f8_e4m3_to_f32(0x7f)));
  CHECK(f8_e5m2_to_f32(0x7b) == 57344.0f);
  CHECK(f8_e5m2_to_f32(0x01) == 0x1p-16f);
  CHECK(std::isinf(f8_e5m2_to_f32(0xfc)));
}

TEST_CASE("an empty or relative XDG variable counts as unset") {
  setenv("HOME", "/home/someone", 1);
  setenv("XDG_DATA_HOME", "", 1);
  setenv("XDG_CONFIG_HOME", "relative", 1);
  setenv("XDG_CACHE_HOME", "/caches", 1);
  const Places places = places_from_environment();
  CHECK(places.data == "/home/someone/.local/share/fabula");
  CHECK(places.config == "/home/someone/.config/fabula");
  CHECK(places.cache == "/caches/fabula");
}

TEST_CASE("models that came with the program are found beside it") {
  const test::TemporaryFolder folder;
  const auto make = [&](const char* path) { std::filesystem::create_directories(folder.path() / path); return folder.path() / path; };
  CHECK(shipped_models_folder(make("usr/bin") / "fabula").empty());
  const auto installed = make("usr/share/fabula/models");
  CHECK(shipped_models_folder(folder.path() / "usr/bin/fabula") == installed);
  CHECK(shipped_models_folder(folder.path() / "usr/libexec/fabula") == installed);  // unpacked, behind its starting script

  const auto in_source = make("source/assets/models");
  const auto program = make("source/build/release/app/cli") / "fabula-cli";
  CHECK(shipped_models_folder(program).empty());  // some folder called assets, of something else
  std::ofstream(folder.path() / "source/CMakePresets.json") << "{}";
  CHECK(shipped_models_folder(program) == in_source);
  CHECK(shipped_models_folder("").empty());
}

TEST_CASE("the ring keeps order under two threads, refuses when full, and loses nothing") {
  SpscRing<int> small(2);
  CHECK(small.try_push(1));
  CHECK(small.try_push(2));
  CHECK_FALSE(small.try_push(3));
  int value = 0;
  CHECK(small.try_pop(value));
  CHECK(value == 1);

  SpscRing<int> ring(64);
  constexpr int count = 200'000;
  std::thread producer([&] {
    for (int i = 0; i < count; ++i)
      while (!ring.try_push(i)) std::this_thread::yield();
  });
  int wrong = 0;
  for (int i = 0; i < count; ++i) {
    int got = -1;
    while (!ring.try_pop(got)) std::this_thread::yield();
    wrong += got != i;
  }
  producer.join();
  CHECK(wrong == 0);
}
