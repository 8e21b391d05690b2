// Replies of a session that are held to a grammar: kept with the session and with each reply, through stopping and replay.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/session/reply_rules.h"
#include "tests/core/session/desk.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

TEST_CASE("rules: nothing, GBNF and JSON Schema are told apart; what cannot be read is refused") {
  CHECK(*read_rules("") == nullptr);
  CHECK(*read_rules(" \n") == nullptr);
  CHECK(*read_rules("root ::= \"yes\" | \"no\"") != nullptr);
  CHECK(*read_rules("  {\"type\": \"object\"}") != nullptr);
  CHECK_FALSE(read_rules("root ::= (").ok());
  CHECK_FALSE(read_rules("{\"type\": 7}").ok());
}

TEST_CASE("every reply of the session fits its rules, also one that is cut and continued, and replays") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  SessionSettings settings = Desk::seeded(200);
  settings.grammar = "root ::= \"(\" [a-z]{3,6} (\", \" [a-z]{3,6}){4} \")\"";
  const std::string id = desk.make(Mode::chat, settings);
  const auto fits = [](const std::string& text) {
    return text.starts_with('(') && text.ends_with(')') && std::count(text.begin(), text.end(), ',') == 4;
  };
  const Message whole = wait(desk->send(id, "Five names"));
  CAPTURE(whole.text);
  CHECK(fits(whole.text));
  CHECK(whole.receipt->grammar == settings.grammar);
  ReplyOptions few;
  few.max_tokens = 6;
  const Message cut = wait(desk->regenerate(id, few));
  CHECK_FALSE(fits(cut.text));
  const Message continued = wait(desk->continue_reply(id));
  CAPTURE(continued.text);
  CHECK(continued.text.starts_with(cut.text));
  CHECK(fits(continued.text));
  CHECK(continued.text == whole.text);  // the same seed: the cut changes nothing
  // One reply may have rules of its own; one that goes on keeps those that it began with.
  ReplyOptions other;
  other.max_tokens = 2;
  other.rules = "root ::= [0-9]{12}";
  const Message digits = wait(desk->regenerate(id, other));
  CHECK(digits.receipt->grammar == *other.rules);
  CHECK(digits.text.find_first_not_of("0123456789") == std::string::npos);
  other.rules = "root ::= \"x\"";
  CHECK(wait_error(desk->continue_reply(id, other)).message.find("other rules") != std::string::npos);
  other.rules = "";
  CHECK(wait(desk->regenerate(id, other)).receipt->grammar.empty());
  wait(desk->rollback(id, whole.id));
  // Other rules from now on: what was written keeps its own.
  settings.grammar = "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}}, \"required\": [\"n\"], \"additionalProperties\": false}";
  wait(desk->set_settings(id, settings));
  const Message object = wait(desk->send(id, "A number"));
  CAPTURE(object.text);
  CHECK(nlohmann::json::parse(object.text).at("n").is_number_integer());
  const ReplayReport report = wait(desk->replay(id));
  CHECK(report.equal == 5);
  CHECK(report.different == 0);
  CHECK(report.skipped == 0);
  // A word chosen by hand that the rules do not know ends in an error that says so.
  const Error refused = wait_error(desk->branch_at(id, whole.id, 0, whole.tokens[1]));
  CHECK(refused.message.find("does not fit") != std::string::npos);
  settings.grammar = "root ::= (";
  wait(desk->set_settings(id, settings));
  CHECK_FALSE(desk->send(id, "Another").get().ok());
}
