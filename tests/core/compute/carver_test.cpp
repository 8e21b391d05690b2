#include "core/compute/carver.h"

#include <doctest/doctest.h>

#include <vector>

using fabula::compute::Carver;

TEST_CASE("a carver hands out aligned pieces that do not overlap, where counting said they would be") {
  const auto carve = [](float* base, std::vector<float*>& pieces) {
    Carver carver(reinterpret_cast<uint8_t*>(base), 64);
    for (const int64_t count : {1, 0, 16, 17}) pieces.push_back(carver.take<float>(count));
    return carver.used_bytes();
  };
  std::vector<float*> counted, pieces;
  const size_t bytes = carve(nullptr, counted);
  CHECK(bytes == 64 + 0 + 64 + 128);
  CHECK(counted == std::vector<float*>(4, nullptr));
  std::vector<float> memory(bytes / sizeof(float));
  CHECK(carve(memory.data(), pieces) == bytes);
  const std::vector<ptrdiff_t> expected = {0, 16, 16, 32};  // in floats
  for (size_t i = 0; i < pieces.size(); ++i) CHECK(pieces[i] - memory.data() == expected[i]);
}
