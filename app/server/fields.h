// Reading a request's JSON object field by field: types and bounds checked, the first problem kept with the
// field's name.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/server/exchange.h"
#include "core/base/json.h"

namespace fabula::server {

class FieldReader {
 public:
  explicit FieldReader(const OrderedJson& object) : object_(object) {}

  // Each returns whether the field is there (and not null) and well formed; a malformed one sets the problem.
  bool number(std::string_view name, double lowest, double highest, double& out);
  bool number(std::string_view name, double lowest, double highest, float& out);
  bool integer(std::string_view name, int64_t lowest, int64_t highest, int64_t& out);
  bool boolean(std::string_view name, bool& out);
  bool text(std::string_view name, std::string& out, size_t max_bytes = size_t{1} << 20);
  // A string, or a list of at most `most` strings.
  bool texts(std::string_view name, std::vector<std::string>& out, size_t most);
  const OrderedJson* find_or_null(std::string_view name);  // null too where the value is null

  void require(std::string_view name);                          // must be there
  void accept(std::string_view name) { known_.emplace(name); }  // known, and of no effect here
  // Known to the API, but not supported: an error where the value is anything but null or `harmless`.
  void refuse(std::string_view name, const OrderedJson& harmless);
  void refuse_unknown();  // last: whatever was not asked for
  void fail(std::string_view name, std::string message, std::string code = "");

  const std::optional<ApiError>& problem() const { return problem_; }

 private:
  const OrderedJson& object_;
  std::set<std::string, std::less<>> known_;
  std::optional<ApiError> problem_;
};

// The body as a JSON object. Errors: 400 with what is wrong.
struct ParsedBody {
  OrderedJson object;
  std::optional<ApiError> problem;
};
ParsedBody parse_body(const std::string& body, bool empty_is_object = false);

}  // namespace fabula::server
