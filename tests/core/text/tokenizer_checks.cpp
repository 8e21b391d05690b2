#include "tests/core/text/tokenizer_checks.h"

#include <doctest/doctest.h>

#include "tests/support/support.h"

namespace fabula::test {

namespace {

constexpr int kShown = 5;

std::string quoted(std::string_view text) {
  return nlohmann::json(std::string(text.substr(0, 200)))
      .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

nlohmann::json read_json(std::string_view relative) {
  const auto path = testdata_file(relative);
  REQUIRE_MESSAGE(path.has_value(), "no test data " << relative);
  return nlohmann::json::parse(read_text(*path));
}

std::map<int, std::string> corpus() {
  std::map<int, std::string> out;
  const auto items = read_json("tokenizers/corpus.json");
  for (const auto& item : items) out[item.at("id").get<int>()] = item.at("text").get<std::string>();
  return out;
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

void Differences::ids(std::string_view what, std::string_view text, const std::vector<int32_t>& expected,
                      const std::vector<int32_t>& found) {
  ++compared_;
  if (expected == found || ++count_ > kShown) return;
  MESSAGE(name_ << " " << what << " of " << quoted(text) << ": expected "
                << nlohmann::json(expected).dump().substr(0, 300) << " found "
                << nlohmann::json(found).dump().substr(0, 300));
}

void Differences::text(std::string_view what, std::string_view of, std::string_view expected,
                       std::string_view found) {
  ++compared_;
  if (expected == found || ++count_ > kShown) return;
  MESSAGE(name_ << " " << what << " of " << quoted(of) << ": expected " << quoted(expected) << " found "
                << quoted(found));
}

}  // namespace fabula::test
