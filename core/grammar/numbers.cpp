#include "core/grammar/numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

namespace fabula::grammar {

namespace {

constexpr int max_places = 6;

// The digits of the positive numbers between two bounds, as a walk from the first digit: what was read decides
// only whether the bounds still bind, and the remainder.
class DigitWalk {
 public:
  DigitWalk(Builder& builder, int64_t multiple, int places)
      : builder_(builder), multiple_(multiple), places_(places) {}

  // 0 <= lowest <= highest.
  Expr between(int64_t lowest, int64_t highest) {
    std::vector<Expr> lengths;
    const size_t shortest = static_cast<size_t>(places_) + 1;
    for (size_t n = shortest; n <= 18; ++n) {
      const int64_t smallest = n == shortest ? 0 : power_of_ten(n - 1);
      const int64_t low = std::max(lowest, smallest), high = std::min(highest, power_of_ten(n) - 1);
      if (low > high) continue;
      low_ = padded(low, n);
      high_ = padded(high, n);
      lengths.push_back(bound(0, true, true, 0));
    }
    return builder_.choice(std::move(lengths));
  }

 private:
  static int64_t power_of_ten(size_t n) {
    int64_t power = 1;
    for (size_t i = 0; i < n; ++i) power *= 10;
    return power;
  }
  static std::string padded(int64_t value, size_t digits) {
    const std::string text = std::to_string(value);
    return std::string(digits - text.size(), '0') + text;
  }

  // The point, where it stands before the last `left` digits.
  Expr with_point(size_t left, Expr rest) {
    if (places_ == 0 || left != static_cast<size_t>(places_)) return rest;
    return builder_.sequence({builder_.literal("."), rest});
  }

  Expr bound(size_t at, bool low_binds, bool high_binds, int64_t remainder) {
    const size_t left = low_.size() - at;
    if (!low_binds && !high_binds) return free(left, remainder);
    if (left == 0) return remainder == 0 ? builder_.nothing() : builder_.never();
    const int first = low_binds ? low_[at] - '0' : 0, last = high_binds ? high_[at] - '0' : 9;
    std::vector<Expr> ways;
    for (int digit = first; digit <= last; ++digit) {
      const Expr rest = bound(at + 1, low_binds && digit == first, high_binds && digit == last,
                              (remainder * 10 + digit) % multiple_);
      ways.push_back(builder_.sequence({builder_.literal(std::to_string(digit)), rest}));
    }
    return with_point(left, builder_.choice(std::move(ways)));
  }

  // Any `left` digits that bring the remainder to 0.
  Expr free(size_t left, int64_t remainder) {
    if (left == 0) return remainder == 0 ? builder_.nothing() : builder_.never();
    const auto [place, is_new] = free_.try_emplace({left, remainder}, -1);
    if (!is_new) return builder_.call(place->second);
    const RuleId rule = place->second = builder_.declare("digits");
    std::vector<Expr> ways;
    if (multiple_ == 1) {
      ways.push_back(builder_.sequence({builder_.one_of({{'0', '9'}}), free(left - 1, 0)}));
    } else {
      for (int digit = 0; digit <= 9; ++digit)
        ways.push_back(builder_.sequence({builder_.literal(std::to_string(digit)),
                                          free(left - 1, (remainder * 10 + digit) % multiple_)}));
    }
    builder_.define(rule, with_point(left, builder_.choice(std::move(ways))));
    return builder_.call(rule);
  }

  Builder& builder_;
  int64_t multiple_;
  int places_;
  std::string low_, high_;  // of equal length
  std::map<std::pair<size_t, int64_t>, RuleId> free_;
};

}  // namespace

std::optional<Decimal> decimal_or_none(const OrderedJson& number) {
  constexpr int64_t most = 99'999'999'999'999'999;
  if (number.is_number_unsigned() && number.get<uint64_t>() > static_cast<uint64_t>(most)) return std::nullopt;
  if (number.is_number_integer()) {
    const auto value = number.get<int64_t>();
    return value >= -most && value <= most ? std::optional(Decimal{value, 0}) : std::nullopt;
  }
  if (!number.is_number()) return std::nullopt;
  double scaled = number.get<double>();
  for (int places = 0; places <= max_places; ++places, scaled *= 10) {
    if (!(std::abs(scaled) < 9e15)) return std::nullopt;
    const double rounded = std::nearbyint(scaled);
    if (rounded / std::pow(10.0, places) == number.get<double>()) return Decimal{static_cast<int64_t>(rounded), places};
  }
  return std::nullopt;
}

std::optional<int64_t> at_places(const Decimal& value, int places) {
  int64_t digits = value.digits;
  for (int i = value.places; i < places; ++i) {
    if (std::abs(digits) > 99'999'999'999'999'999 / 10) return std::nullopt;
    digits *= 10;
  }
  return digits;
}

Expr decimals_between(Builder& builder, int64_t lowest, int64_t highest, int64_t multiple, int places) {
  DigitWalk walk(builder, multiple, places);
  std::vector<Expr> ways;
  if (highest >= 0 && lowest <= highest) ways.push_back(walk.between(std::max<int64_t>(lowest, 0), highest));
  if (lowest < 0 && lowest <= highest) {
    const Expr size = walk.between(std::max<int64_t>(-highest, 1), -lowest);
    ways.push_back(builder.sequence({builder.literal("-"), size}));
  }
  return builder.choice(std::move(ways));
}

}  // namespace fabula::grammar
