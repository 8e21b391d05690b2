// Philox4x32-10: a counter-based random generator (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as
// easy as 1, 2, 3", SC11). The number at a place is a function of key and counter alone, so nothing that
// happened before can shift it.
#pragma once

#include <array>
#include <cstdint>

namespace fabula::engine {

constexpr std::array<uint32_t, 4> philox4x32_10(std::array<uint32_t, 4> counter,
                                                std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

// The two uniform numbers in [0, 1), 53 bits each, of the token at `position` of choice `choice_index` under
// `seed` (NUMERICS 6). The seed fills Philox's 64-bit key; the choice index takes a word of the counter that
// positions never reach. The first draws the token, the second is the coin of XTC.
constexpr std::array<double, 2> uniforms_at(uint64_t seed, uint32_t choice_index, int64_t position) {
  const auto place = static_cast<uint64_t>(position);
  const auto bits =
      philox4x32_10({static_cast<uint32_t>(place), static_cast<uint32_t>(place >> 32), choice_index, 0},
                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const auto uniform = [](uint32_t low, uint32_t high) {
    return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
  };
  return {uniform(bits[0], bits[1]), uniform(bits[2], bits[3])};
}

constexpr double uniform_at(uint64_t seed, uint32_t choice_index, int64_t position) {
  return uniforms_at(seed, choice_index, position)[0];
}
constexpr double second_uniform_at(uint64_t seed, uint32_t choice_index, int64_t position) {
  return uniforms_at(seed, choice_index, position)[1];
}

}  // namespace fabula::engine
