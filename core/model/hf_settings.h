// config.json looked up with types and bounds; the first error is kept and everything after it is harmless.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/model/families.h"
#include "core/model/hyperparameters.h"

namespace fabula::model {

class Settings {
 public:
  explicit Settings(const Json& object, std::string place = "config.json")
      : object_(object), place_(std::move(place)) {}

  bool has(std::string_view key) const;                  // null counts
  const Json* find_or_null(std::string_view key) const;  // null and absent are the same
  int64_t integer(std::string_view key, std::optional<int64_t> otherwise, int64_t least, int64_t most);
  std::optional<double> number(std::string_view key);
  double number(std::string_view key, double if_absent);  // null is 0
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::string> text(std::string_view key);
  std::optional<std::vector<std::string>> texts(std::string_view key);
  std::optional<std::vector<int64_t>> integers(std::string_view key);  // truth values count as 0 and 1
  std::optional<std::vector<double>> numbers(std::string_view key);
  void refuse_if_set(std::initializer_list<std::string_view> keys);  // anything but absent, null, false, 0

  void fail(std::string_view key, const std::string& why, ErrorCode code = ErrorCode::corrupt);
  void adopt_error(const Settings& inner);
  const std::optional<Error>& error() const { return error_; }

 private:
  const Json& object_;
  std::string place_;
  std::optional<Error> error_;
};

// "" where it is absent or no text.
std::string text_or_empty(const Json& object, const char* key);

// rope_theta, rope_scaling and the newer rope_parameters.
void read_hf_rope(Settings& settings, const Family& family, Hyperparameters& out);

}  // namespace fabula::model
