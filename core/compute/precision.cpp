#include "core/compute/precision.h"

#include <algorithm>
#include <array>

namespace fabula::compute {

namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 7> precisions = {"auto", "f32", "f16", "bf16", "q8_0", "q4_0", "q4_K"};
constexpr std::array<std::string_view, 3> kv_precisions = {"f32", "f16", "q8_0"};

bool same_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

template <class Enum, size_t N>
Result<Enum> from_name(const std::array<std::string_view, N>& names, std::string_view name, std::string_view what) {
  std::string known;
  for (size_t i = 0; i < N; ++i) {
    if (same_but_for_case(names[i], name)) return static_cast<Enum>(i);
    known += (i ? ", " : "") + std::string(names[i]);
  }
  return Error{ErrorCode::invalid_argument, "unknown " + std::string(what) + " \"" + std::string(name) + "\"; known: " + known};
}

}  // namespace

Result<Precision> precision_from_name(std::string_view name) { return from_name<Precision>(precisions, name, "precision"); }

Result<KvPrecision> kv_precision_from_name(std::string_view name) {
  return from_name<KvPrecision>(kv_precisions, name, "KV precision");
}

std::optional<formats::DType> type_of(Precision precision) {
  using formats::DType;
  switch (precision) {
    case Precision::automatic: return std::nullopt;
    case Precision::f32: return DType::f32;
    case Precision::f16: return DType::f16;
    case Precision::bf16: return DType::bf16;
    case Precision::q8_0: return DType::q8_0;
    case Precision::q4_0: return DType::q4_0;
    case Precision::q4_k: return DType::q4_k;
  }
  return std::nullopt;
}

std::string_view precision_name(Precision precision) { return precisions[static_cast<size_t>(precision)]; }

std::span<const std::string_view> precision_names() { return precisions; }

std::string_view kv_precision_name(KvPrecision precision) { return kv_precisions[static_cast<size_t>(precision)]; }

}  // namespace fabula::compute
