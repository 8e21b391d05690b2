#include <array>

#include "core/compute/executor.h"

namespace fabula::compute {

namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 6> precision_names = {"auto", "f32", "f16", "bf16", "q8_0", "q4_0"};
constexpr std::array<std::string_view, 3> kv_precision_names = {"f32", "f16", "q8_0"};

template <class Enum, size_t N>
Result<Enum> from_name(const std::array<std::string_view, N>& names, std::string_view name, std::string_view what) {
  std::string known;
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
    known += (i ? ", " : "") + std::string(names[i]);
  }
  return Error{ErrorCode::invalid_argument, "unknown " + std::string(what) + " \"" + std::string(name) + "\"; known: " + known};
}

}  // namespace

Result<Precision> precision_from_name(std::string_view name) { return from_name<Precision>(precision_names, name, "precision"); }

Result<KvPrecision> kv_precision_from_name(std::string_view name) {
  return from_name<KvPrecision>(kv_precision_names, name, "KV precision");
}

std::string_view precision_name(Precision precision) { return precision_names[static_cast<size_t>(precision)]; }

std::string_view kv_precision_name(KvPrecision precision) { return kv_precision_names[static_cast<size_t>(precision)]; }

}  // namespace fabula::compute
