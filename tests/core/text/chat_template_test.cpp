// The template interpreter against Jinja2: independent renders and snippets, and the cases that
// data/generate_jinja_cases.py recorded.
#include "core/text/chat_template.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "core/text/template_request.h"
#include "tests/support/support.h"

using fabula::OrderedJson;
using fabula::text::ChatTemplate;

namespace {

constexpr int64_t kFriday = 1741964966;  // 2025-03-14 15:09:26, the moment at which the references were made

struct Outcome {
  std::string text, error;
};

Outcome run(const std::string& source, const OrderedJson& variables) {
  auto parsed = ChatTemplate::parse(source);
  if (!parsed) return {{}, parsed.error().message};
  auto rendered = parsed->render(variables, kFriday);
  if (!rendered) return {{}, rendered.error().message};
  return {rendered->text, {}};
}

OrderedJson read_json(const std::filesystem::path& path) {
  auto json = fabula::parse_ordered_json(fabula::test::read_text(path), path.string());
  REQUIRE(json);
  return *std::move(json);
}

// One line per difference, few of them printed in full: a broken rule shows in hundreds of renders.
class Differences {
 public:
  void check(const std::string& name, const Outcome& got, const Outcome& wanted, bool same_error) {
    ++cases_;
    const bool equal = wanted.error.empty() ? got.error.empty() && got.text == wanted.text : same_error;
    if (equal) return;
    if (++different_ > 25) return;
    const std::string wanted_text = shown(wanted), got_text = shown(got);
    const size_t common = static_cast<size_t>(
        std::mismatch(wanted_text.begin(), wanted_text.end(), got_text.begin(), got_text.end()).first -
        wanted_text.begin());
    const size_t begin = common > 40 ? common - 40 : 0;
    MESSAGE(name << "\n  from character " << begin << "\n  wanted " << wanted_text.substr(begin, 300)
                 << "\n  got    " << (begin < got_text.size() ? got_text.substr(begin, 300) : ""));
  }
  void report(size_t at_least) const {
    CHECK(different_ == 0);
    CHECK(cases_ >= at_least);
    MESSAGE(cases_ << " cases, " << different_ << " different");
  }

 private:
  static std::string shown(const Outcome& outcome) {
    return outcome.error.empty() ? fabula::dump_json(OrderedJson(outcome.text)) : "error " + outcome.error;
  }
  size_t cases_ = 0, different_ = 0;
};

// Snippets name the exception and usually its words.
void check_snippets(const OrderedJson& file, size_t at_least) {
  Differences differences;
  for (const auto& snippet : file.at("snippets")) {
    OrderedJson variables = file.at("context");
    if (snippet.contains("context")) variables.update(snippet.at("context"));
    const std::string source = snippet.at("template");
    const Outcome got = run(source, variables);
    Outcome wanted;
    if (snippet.contains("error"))
      wanted.error = snippet.at("error").get<std::string>() + ": " +
                     (snippet.contains("message") ? snippet.at("message").get<std::string>() : "");
    else
      wanted.text = snippet.at("output");
    const bool same_error = got.error.starts_with(wanted.error);
    differences.check(source, got, wanted, same_error);
  }
  differences.report(at_least);
}

}  // namespace

TEST_CASE("renders of real templates equal Jinja2's, errors included") {
  FABULA_REQUIRE_TESTDATA();
  const auto path = fabula::test::testdata_file("templates/renders.json");
  if (!path) return;
  const OrderedJson file = read_json(*path);
  Differences differences;
  for (const auto& [name, reference] : file.at("templates").items()) {
    const auto source_path = fabula::test::testdata_file(name);
    if (!source_path) continue;
    const std::string source = fabula::test::read_text(*source_path);
    for (const auto& [conversation, wanted] : reference.at("outputs").items()) {
      const bool generation = conversation.ends_with("+gen");
      const auto& input =
          file.at("conversations").at(conversation.substr(0, conversation.size() - (generation ? 4 : 0)));
      OrderedJson request = {{"messages", input.at("messages")}, {"add_generation_prompt", generation}};
      request.update(input.at("extra"));
      fabula::text::TemplateRequest tokens;
      if (!reference.at("bos_token").is_null()) tokens.bos_token = reference.at("bos_token");
      if (!reference.at("eos_token").is_null()) tokens.eos_token = reference.at("eos_token");
      const auto variables = fabula::text::template_request(request, tokens);
      REQUIRE(variables);
      const Outcome got = run(source, *variables);
      const Outcome expected{wanted.value("text", ""), wanted.value("error", "")};
      differences.check(name + " " + conversation, got, expected, got.error == expected.error);
    }
  }
  differences.report(100);
}

TEST_CASE("snippets of the language equal Jinja2's") {
  FABULA_REQUIRE_TESTDATA();
  if (const auto path = fabula::test::testdata_file("templates/snippets.json"))
    check_snippets(read_json(*path), 100);
}

TEST_CASE("recorded cases of the language equal Jinja2's") {
  check_snippets(read_json(FABULA_TEST_SOURCE_DIR "/core/text/data/jinja_cases.json"), 600);
}

TEST_CASE("a request is a list of messages or an object around it") {
  using fabula::text::template_request;
  const OrderedJson messages = {{{"role", "user"}, {"content", "hi"}}};
  auto plain = template_request(messages);
  REQUIRE(plain);
  CHECK(plain->at("messages") == messages);
  CHECK(plain->at("tools").is_null());
  CHECK(plain->at("add_generation_prompt") == true);
  CHECK(!plain->contains("bos_token"));
  auto full =
      template_request({{"messages", messages}, {"add_generation_prompt", false}, {"enable_thinking", true}},
                       {.bos_token = "<s>"});
  REQUIRE(full);
  CHECK(full->at("add_generation_prompt") == false);
  CHECK(full->at("enable_thinking") == true);
  CHECK(full->at("bos_token") == "<s>");
  CHECK(!template_request("text"));
  CHECK(!template_request({{"tools", nullptr}}));
}
