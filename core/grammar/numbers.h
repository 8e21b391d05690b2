// Decimal numbers between bounds, digit by digit.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "core/base/json.h"
#include "core/grammar/builder.h"

namespace fabula::grammar {

// value = digits / 10^places, exactly.
struct Decimal {
  int64_t digits = 0;
  int places = 0;
};
// None where it has more than 6 places or more than 17 digits.
std::optional<Decimal> decimal_or_none(const OrderedJson& number);
// The same value with more places; none where it does not fit.
std::optional<int64_t> at_places(const Decimal& value, int places);

// Every n / 10^places with lowest <= n <= highest and n a multiple of `multiple`, with exactly `places` digits
// behind the point. multiple >= 1.
Expr decimals_between(Builder& builder, int64_t lowest, int64_t highest, int64_t multiple, int places);

inline constexpr int64_t largest_multiple = 500;
inline constexpr int64_t largest_integer = 999'999'999'999'999;  // where the schema names no bound

}  // namespace fabula::grammar
