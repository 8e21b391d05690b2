// What the tokenizer tests share: the corpus, references as JSON, comparisons that name the string that
// differs.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fabula::test {

std::map<int, std::string> corpus();                  // id -> text
nlohmann::json read_json(std::string_view relative);  // below FABULA_TESTDATA; fails the test where it cannot
std::string from_hex(std::string_view hex);

// Counts what differs and prints the first few.
class Differences {
 public:
  explicit Differences(std::string name) : name_(std::move(name)) {}
  void ids(std::string_view what, std::string_view text, const std::vector<int32_t>& expected,
           const std::vector<int32_t>& found);
  void text(std::string_view what, std::string_view of, std::string_view expected, std::string_view found);
  int count() const { return count_; }
  int compared() const { return compared_; }

 private:
  std::string name_;
  int count_ = 0, compared_ = 0;
};

}  // namespace fabula::test
