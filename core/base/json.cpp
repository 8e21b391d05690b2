#include "core/base/json.h"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

namespace fabula {

namespace {

// Walks the text once before anything is built, so that depth and keys are judged at no cost in memory.
class LimitCheck final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit LimitCheck(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool key(string_t& name) override {
    if (limits_.refuse_duplicate_keys && !keys_.back().insert(name).second) return fail("the key \"" + name + "\" stands twice");
    return true;
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    return fail("at byte " + std::to_string(position) + ": " + error.what());
  }

  const std::string& problem() const { return problem_; }

 private:
  bool enter() {
    if (++depth_ > limits_.max_depth) return fail("nested deeper than " + std::to_string(limits_.max_depth) + " levels");
    if (limits_.refuse_duplicate_keys) keys_.emplace_back();
    return true;
  }
  bool leave() {
    --depth_;
    if (limits_.refuse_duplicate_keys) keys_.pop_back();
    return true;
  }
  bool fail(std::string why) {
    problem_ = std::move(why);
    return false;
  }

  const JsonLimits& limits_;
  int depth_ = 0;
  std::vector<std::unordered_set<std::string>> keys_;
  std::string problem_;
};

template <class J>
Result<J> parse(std::string_view text, std::string_view what, const JsonLimits& limits) {
  const auto error = [&](const std::string& why) { return Error{ErrorCode::corrupt, std::string(what) + " is not valid JSON: " + why}; };
  if (text.size() > limits.max_bytes) return error("larger than " + std::to_string(limits.max_bytes) + " bytes");
  LimitCheck check(limits);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &check)) return error(check.problem());
  J value = J::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return error("could not be read");
  return value;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits) {
  return parse<Json>(text, what, limits);
}

Result<OrderedJson> parse_ordered_json(std::string_view text, std::string_view what, const JsonLimits& limits) {
  return parse<OrderedJson>(text, what, limits);
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string dump_json(const OrderedJson& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace fabula
