// Calls of functions in the formats that models use: how templates write them, how replies are read. The
// replies are written by hand after the makers' documents.
#include <doctest/doctest.h>

#include <random>

#include "app/server/reply_splitter.h"
#include "app/server/tools_request.h"
#include "core/grammar/matcher.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::server;

namespace {

std::string format_of(const char* file, bool* knows_tools = nullptr) {
  const auto path = test::testdata_file(std::string("templates/") + file);
  if (!path) return "absent";
  const auto parsed = text::ChatTemplate::parse(test::read_text(*path));
  REQUIRE(parsed.ok());
  const TemplateTools tools = probe_template(*parsed);
  if (knows_tools) *knows_tools = tools.knows_tools;
  return tools.format ? tools.format->name : "none";
}

const ToolFormat& row(std::string_view name) {
  for (const ToolFormat& format : tool_formats())
    if (format.name == name) return format;
  FAIL("no such format");
  return tool_formats()[0];
}

struct Read {
  std::string content, reasoning;
  std::vector<ToolCall> calls;
};

Read read(ReplySplitter::Options options, std::string_view reply, size_t piece) {
  ReplySplitter splitter(std::move(options));
  Read read;
  const auto take = [&](const std::vector<ReplyPart>& parts) {
    for (const ReplyPart& part : parts) {
      if (part.kind == ReplyPart::Kind::content) read.content += part.text;
      if (part.kind == ReplyPart::Kind::reasoning) read.reasoning += part.text;
      if (part.kind == ReplyPart::Kind::call) read.calls.push_back({part.text, ""});
      if (part.kind != ReplyPart::Kind::arguments) continue;
      REQUIRE_FALSE(read.calls.empty());
      read.calls.back().arguments += part.text;
    }
  };
  for (size_t at = 0; at < reply.size(); at += piece) take(splitter.push(reply.substr(at, piece)));
  take(splitter.finish());
  return read;
}

struct Case {
  const char* format;  // "": none
  const char* reply;
  const char* content;
  const char* reasoning;
  std::vector<std::pair<const char*, const char*>> calls;  // name, arguments
};

}  // namespace

TEST_CASE("a template's own writing tells its format") {
  FABULA_REQUIRE_TESTDATA();
  const std::pair<const char*, const char*> expected[] = {
      {"llama.cpp/Qwen-Qwen2.5-7B-Instruct.jinja", "hermes"},
      {"llama.cpp/Qwen-Qwen3-0.6B.jinja", "hermes"},
      {"llama.cpp/NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "hermes"},
      {"llama.cpp/NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja", "hermes"},
      {"llama.cpp/meta-llama-Llama-3.1-8B-Instruct.jinja", "llama3"},
      {"llama.cpp/meta-llama-Llama-3.2-3B-Instruct.jinja", "llama3"},
      {"llama.cpp/mistralai-Mistral-Nemo-Instruct-2407.jinja", "mistral-list"},
      {"llama.cpp/Mistral-Small-3.2-24B-Instruct-2506.jinja", "mistral"},
      {"llama.cpp/Qwen3-Coder.jinja", "none"},  // XML of its own: comes back as text
  };
  for (const auto& [file, format] : expected) {
    FABULA_CAPTURE(file);
    const std::string found = format_of(file);
    CHECK((found == "absent" || found == format));
  }
  bool knows = true;
  if (format_of("ollama-index/zephyr.jinja", &knows) != "absent") CHECK_FALSE(knows);
}

TEST_CASE("replies are taken apart, whatever the pieces they come in") {
  const char* paris = R"({"city":"Paris"})";
  const Case cases[] = {
      {"", "Hello <tool_call> there", "Hello <tool_call> there", "", {}},
      {"", "<think>\nHm.\n\nYes.\n</think>\n\nHello", "Hello", "Hm.\n\nYes.", {}},
      {"", "  \n<think></think>Hello", "Hello", "", {}},
      {"", "<thinking>", "<thinking>", "", {}},
      {"", " a <think>b</think>", " a <think>b</think>", "", {}},
      {"", "<think>never ends", "", "never ends", {}},
      {"hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>", "", "", {{"weather", paris}}},
      {"hermes", "Let me look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>",
       "Let me look.", "", {{"weather", paris}, {"time", "{}"}}},
      {"hermes", "<think>I call.</think>\n\n<tool_call>{\"name\":\"time\",\"arguments\":{\"a\":\"}\\\"{\"}}</tool_call>", "", "I call.", {{"time", R"({"a":"}\"{"})"}}},
      {"hermes", "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}", "", "", {{"time", "{}"}}},  // cut off behind the call
      {"hermes", "<tool_call>\n{\"name\": \"ti", "<tool_call>\n{\"name\": \"ti", "", {}},
      {"hermes", "<tool_call>{\"name\": \"time\", \"arguments\": {\"a\": [\"\\\\\", {\"b\": \"}\"}]}, \"id\": \"}7\"}</tool_call> Done.", " Done.", "", {{"time", R"({"a":["\\",{"b":"}"}]})"}}},
      {"hermes", "<tool_call>{\"arguments\": {}, \"name\": \"time\"}</tool_call>", "", "", {{"time", "{}"}}},  // an unusual order
      {"hermes", "<tool_call>{\"name\": \"time\", \"arguments\": \"{}\"}</tool_call>", "", "", {{"time", "{}"}}},  // written as a string
      {"hermes", "<tool_call>nothing</tool_call>", "<tool_call>nothing</tool_call>", "", {}},
      {"hermes", "a < b and <tool", "a < b and <tool", "", {}},
      {"llama3", R"({"name": "weather", "parameters": {"city": "Paris"}})", "", "", {{"weather", paris}}},
      {"llama3", R"(<|python_tag|>{"name": "weather", "parameters": {"city": "Paris"}}; {"name": "time", "parameters": {}})", "", "", {{"weather", paris}, {"time", "{}"}}},
      {"llama3", R"({"name": "other", "parameters": {}})", R"({"name": "other", "parameters": {}})", "", {}},
      {"llama3", R"({"x": 1} is JSON)", R"({"x": 1} is JSON)", "", {}},
      {"llama3", "It is {sunny}.", "It is {sunny}.", "", {}},
      {"mistral-list", R"([TOOL_CALLS][{"name": "weather", "arguments": {"city": "Paris"}}, {"name": "time", "arguments": {}}])", "", "", {{"weather", paris}, {"time", "{}"}}},
      {"mistral-list", R"([TOOL_CALLS] [{"arguments": {}, "name": "time"} , {"name": "weather", "arguments": {"city": "Paris"}, "id": "a"}, {"arguments": {}, "name": "time"}])", "", "",
       {{"time", "{}"}, {"weather", paris}, {"time", "{}"}}},
      {"mistral-list", R"([TOOL_CALLS][{"name": "time", "arguments": {}}, {"name": "weather", "arguments": {"city": "Paris"}, "id": "a"}, {"arguments": {}, "name": "time"}])", "", "",
       {{"time", "{}"}, {"weather", paris}, {"time", "{}"}}},
      {"mistral", R"([TOOL_CALLS]we think {x})", R"([TOOL_CALLS]we think {x})", "", {}},
      {"mistral", R"([TOOL_CALLS]weather[ARGS]{"city":"Paris"}[TOOL_CALLS]time[ARGS]{})", "", "", {{"weather", paris}, {"time", "{}"}}},
      {"mistral", R"(Fine.[TOOL_CALLS]weather{"city":"Paris"})", "Fine.", "", {{"weather", paris}}},
  };
  for (const Case& one : cases) {
    for (const size_t piece : {1, 2, 3, 7, 1000}) {
      FABULA_CAPTURE(one.reply);
      FABULA_CAPTURE(piece);
      const Read found = read({.format = *one.format ? &row(one.format) : nullptr, .names = {"weather", "time"}}, one.reply, piece);
      CHECK(found.content == one.content);
      CHECK(found.reasoning == one.reasoning);
      REQUIRE(found.calls.size() == one.calls.size());
      for (size_t i = 0; i < one.calls.size(); ++i) {
        CHECK(found.calls[i].name == one.calls[i].first);
        CHECK(OrderedJson::parse(found.calls[i].arguments) == OrderedJson::parse(one.calls[i].second));
      }
    }
  }
  const Read opened = read({.starts_in_reasoning = true}, "So.\n</think>\n\nYes", 2);
  CHECK(opened.reasoning == "So.");
  CHECK(opened.content == "Yes");
}

TEST_CASE("a call is told when its name is known, its arguments as they come") {
  const std::pair<const char*, const char*> heads[] = {{"hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {"},
                                                       {"llama3", "{\"name\": \"weather\", \"parameters\": {"},
                                                       {"mistral-list", "[TOOL_CALLS][{\"name\": \"weather\", \"arguments\": {"},
                                                       {"mistral", "[TOOL_CALLS]weather[ARGS]{"}};
  for (const auto& [format, head] : heads) {
    FABULA_CAPTURE(format);
    ReplySplitter splitter({.format = &row(format), .names = {"weather"}});
    const auto begun = splitter.push(head);
    REQUIRE(begun.size() == 2);
    CHECK(begun[0].kind == ReplyPart::Kind::call);
    CHECK(begun[0].text == "weather");
    CHECK(begun[1].kind == ReplyPart::Kind::arguments);
    CHECK(begun[1].text == "{");
    const auto more = splitter.push("\"city\": \"Pa");
    REQUIRE(more.size() == 1);
    CHECK(more[0].kind == ReplyPart::Kind::arguments);
    CHECK(more[0].text == "\"city\": \"Pa");
    CHECK(splitter.finish().empty());  // cut off: what was told stands
  }
}

TEST_CASE("what a held reply may say is what the reader reads") {
  FABULA_REQUIRE_TESTDATA();
  const auto path = test::testdata_file("tokenizers/hf/gpt2/tokenizer.json");
  if (!path) return;
  const auto tokenizer = text::make_tokenizer_from_hf_json(test::read_text(*path), "");
  REQUIRE(tokenizer.ok());
  const std::vector<Tool> tools = {
      {"weather", OrderedJson::parse(R"({"type":"object","properties":{"city":{"type":"string","maxLength":9}},"required":["city"],"additionalProperties":false})")},
      {"time", OrderedJson::parse(R"({"type":"object","properties":{"zone":{"enum":["UTC","CET"]}},"additionalProperties":false})")}};
  const auto vocabulary = std::make_shared<const grammar::Vocabulary>(**tokenizer);
  std::mt19937_64 random(test::seed());
  for (const ToolFormat& format : tool_formats()) {
    FABULA_CAPTURE(format.name);
    grammar::Builder builder;
    const auto calls = calls_expression(builder, format, tools, 3, **tokenizer);
    REQUIRE(calls.ok());
    const grammar::RuleId root = builder.declare("reply");
    builder.define(root, *calls);
    const auto grammar = builder.build(root);
    REQUIRE(grammar.ok());
    for (int round = 0; round < 20; ++round) {
      const int32_t end = vocabulary->size();
      grammar::Matcher matcher(std::make_shared<const grammar::Constraint>(grammar::Constraint{*grammar, vocabulary}), std::span(&end, 1), static_cast<size_t>(end) + 1);
      std::string reply;
      for (int step = 0; step < 400; ++step) {
        const grammar::TokenMask& mask = matcher.allowed();
        if (mask.allows(end) && random() % 2 == 0) break;
        std::vector<int32_t> choices;
        for (int32_t id = 0; id < end; ++id)
          if (mask.allows(id)) choices.push_back(id);
        if (choices.empty()) break;
        const int32_t token = choices[random() % choices.size()];
        REQUIRE(matcher.advance(token).ok());
        reply += vocabulary->bytes_of(token);
      }
      if (!matcher.may_end()) continue;
      FABULA_CAPTURE(reply);
      const Read found = read({.format = &format, .names = {"weather", "time"}}, reply, 3);
      CHECK(found.content == "");
      CHECK(found.calls.size() >= 1);
      for (const ToolCall& call : found.calls) {
        CHECK((call.name == "weather" || call.name == "time"));
        CHECK(OrderedJson::parse(call.arguments, nullptr, false).is_object());
      }
    }
  }
}

TEST_CASE("tools and tool_choice are read, and refused by name") {
  const auto problem = [](const char* text) {
    const OrderedJson body = OrderedJson::parse(text);
    FieldReader fields(body);
    const ToolsRequest request = read_tools(fields);
    fields.refuse_unknown();
    return fields.problem() ? fields.problem()->param : "";
  };
  const char* tools = R"({"tools":[{"type":"function","function":{"name":"a","parameters":{"type":"object"}}}])";
  const auto with = [&](const char* more) { return problem((std::string(tools) + more).c_str()); };
  for (const char* more : {"}", R"(,"tool_choice":"auto"})", R"(,"tool_choice":"none"})", R"(,"tool_choice":"required","parallel_tool_calls":false})",
                           R"(,"tool_choice":{"type":"function","function":{"name":"a"}}})"})
    CHECK(with(more) == "");
  for (const char* more : {R"(,"tool_choice":"maybe"})", R"(,"tool_choice":{"type":"function","function":{"name":"b"}}})", R"(,"tool_choice":7})"})
    CHECK(with(more) == "tool_choice");
  CHECK(problem(R"({"tool_choice":"required"})") == "tool_choice");
  CHECK(with(R"(,"parallel_tool_calls":"yes"})") == "parallel_tool_calls");
  for (const char* wrong : {R"({"tools":{}})", R"({"tools":[7]})", R"({"tools":[{"type":"web"}]})", R"({"tools":[{"type":"function"}]})",
                            R"({"tools":[{"type":"function","function":{"name":"a b"}}]})", R"({"tools":[{"type":"function","function":{"name":"a","parameters":[]}}]})",
                            R"({"tools":[{"type":"function","function":{"name":"a","color":1}}]})"})
    CHECK(problem(wrong) == "tools");
}

TEST_CASE("for templates without tools they go into plain messages") {
  const OrderedJson messages = OrderedJson::parse(R"([{"role":"user","content":"Weather?"},
    {"role":"assistant","content":"","tool_calls":[{"id":"1","type":"function","function":{"name":"weather","arguments":{"city":"Paris"}}}]},
    {"role":"tool","tool_call_id":"1","content":"sunny"}])");
  const OrderedJson out = messages_with_tools(messages, OrderedJson::parse(R"([{"type":"function","function":{"name":"weather"}}])"));
  REQUIRE(out.size() == 4);
  CHECK(out[0]["role"] == "system");
  CHECK(out[0]["content"].get<std::string>().find("\"weather\"") != std::string::npos);
  CHECK(out[2]["content"] == "<tool_call>\n{\"name\":\"weather\",\"arguments\":{\"city\":\"Paris\"}}\n</tool_call>");
  CHECK(out[3]["role"] == "user");
  CHECK(out[3]["content"] == "<tool_response>\nsunny\n</tool_response>");
}
