#include "core/session/defaults.h"

#include <sys/random.h>

#include <random>

namespace fabula::session {

namespace {

template <class T, class U>
void take(T& field, const std::optional<U>& given) {
  if (given) field = static_cast<T>(*given);
}

}  // namespace

engine::SamplerSettings default_sampler(const model::GenerationDefaults& defaults) {
  engine::SamplerSettings settings;
  take(settings.temperature, defaults.temperature);
  take(settings.top_k, defaults.top_k);
  take(settings.top_p, defaults.top_p);
  take(settings.min_p, defaults.min_p);
  take(settings.typical_p, defaults.typical_p);
  take(settings.repeat_penalty, defaults.repetition_penalty);
  return settings;
}

bool same_sampler(const engine::SamplerSettings& a, const engine::SamplerSettings& b) {
  return a == b;
}

uint64_t draw_seed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
    std::random_device device;
    seed = static_cast<uint64_t>(device()) << 32 | device();
  }
  return seed >> 1;
}

}  // namespace fabula::session
