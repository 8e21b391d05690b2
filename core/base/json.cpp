#include "core/base/json.h"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

namespace fabula {

namespace {

// Ordered objects are lists: a key is looked for among all that stand before it. The looks that a text may cost beyond the first
// 64 keys of an object: about 8,000 keys in one object (0.1 s), and any number of small ones.
constexpr size_t free_keys = 64, most_looks = size_t{1} << 25;

// Walks the text once before anything is built, so that depth and keys are judged at no cost in memory.
class LimitCheck final : public nlohmann::json_sax<nlohmann::json> {
 public:
  LimitCheck(const JsonLimits& limits, bool keys_are_lists) : limits_(limits), keys_are_lists_(keys_are_lists) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    objects_.emplace_back();
    return enter();
  }
  bool key(string_t& name) override {
    Object& object = objects_.back();
    if (limits_.refuse_duplicate_keys && !object.keys.insert(name).second) return fail("the key \"" + name + "\" stands twice");
    if (keys_are_lists_ && ++object.n_keys > free_keys && (looks_ += object.n_keys) > most_looks) return fail("an object with too many keys");
    return true;
  }
  bool end_object() override {
    objects_.pop_back();
    return leave();
  }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    return fail("at byte " + std::to_string(position) + ": " + error.what());
  }

  const std::string& problem() const { return problem_; }

 private:
  bool enter() {
    if (++depth_ > limits_.max_depth) return fail("nested deeper than " + std::to_string(limits_.max_depth) + " levels");
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }
  bool fail(std::string why) {
    problem_ = std::move(why);
    return false;
  }

  struct Object {
    size_t n_keys = 0;
    std::unordered_set<std::string> keys;  // where none may stand twice
  };

  const JsonLimits& limits_;
  const bool keys_are_lists_;
  int depth_ = 0;
  size_t looks_ = 0;
  std::vector<Object> objects_;
  std::string problem_;
};

template <class J>
Result<J> parse(std::string_view text, std::string_view what, const JsonLimits& limits) {
  const auto error = [&](const std::string& why) { return Error{ErrorCode::corrupt, std::string(what) + " is not valid JSON: " + why}; };
  if (text.size() > limits.max_bytes) return error("larger than " + std::to_string(limits.max_bytes) + " bytes");
  LimitCheck check(limits, std::is_same_v<J, OrderedJson>);
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
