#include "app/server/openai_request.h"

#include <doctest/doctest.h>

using namespace fabula;
using namespace fabula::server;

namespace {

OrderedJson chat() {
  return {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
}

std::string problem_field(const OrderedJson& body) {
  const ParsedRequest parsed = parse_chat_request(body, {});
  return parsed.problem ? parsed.problem->param : "";
}

OrderedJson with(const char* field, OrderedJson value) {
  OrderedJson body = chat();
  body[field] = std::move(value);
  return body;
}

}  // namespace

TEST_CASE("a plain chat request is read over the model's defaults") {
  engine::SamplerSettings defaults;
  defaults.temperature = 0.3f;
  OrderedJson body = chat();
  body["top_p"] = 0.5;
  body["seed"] = 7;
  body["stop"] = "END";
  body["max_tokens"] = 5;
  body["max_completion_tokens"] = 6;
  const ParsedRequest parsed = parse_chat_request(body, defaults);
  REQUIRE_FALSE(parsed.problem);
  CHECK(parsed.request.sampler.temperature == doctest::Approx(0.3));
  CHECK(parsed.request.sampler.top_p == doctest::Approx(0.5));
  CHECK(parsed.request.seed == 7);
  CHECK(parsed.request.stop == std::vector<std::string>{"END"});
  CHECK(parsed.request.max_tokens == 6);
}

TEST_CASE("what is out of range, of the wrong type, unsupported or unknown is named") {
  CHECK(problem_field(with("temperature", -1)) == "temperature");
  CHECK(problem_field(with("n", 0)) == "n");
  CHECK(problem_field(with("n", 1e9)) == "n");
  CHECK(problem_field(with("seed", -1)) == "seed");
  CHECK(problem_field(with("stop", OrderedJson::array({""}))) == "stop");
  CHECK(problem_field(with("top_logprobs", 3)) == "top_logprobs");
  CHECK(problem_field(with("stream_options", OrderedJson::object())) == "stream_options");
  CHECK(problem_field(with("tools", OrderedJson::array({1}))) == "tools");
  CHECK(problem_field(with("response_format", {{"type", "xml"}})) == "response_format");
  CHECK(problem_field(with("no_such_field", 1)) == "no_such_field");
  CHECK(problem_field(with("messages", OrderedJson::array())) == "messages");
  CHECK(problem_field(with("messages", OrderedJson::array({{{"role", "alien"}, {"content", ""}}}))) ==
        "messages");
  CHECK(problem_field(with("response_format", {{"type", "text"}})) == "");
  OrderedJson streamed = with("stream", true);
  for (const char* options : {R"({"include_usage":"yes"})", R"({"include_usage":true,"more":1})", "[]", "true"}) {
    streamed["stream_options"] = OrderedJson::parse(options);
    CHECK(problem_field(streamed) == "stream_options");
  }
  streamed["stream_options"] = {{"include_usage", true}};
  CHECK(problem_field(streamed) == "");
}

TEST_CASE("content may come in parts, and only text is taken") {
  OrderedJson parts =
      OrderedJson::array({{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}});
  const ParsedRequest parsed =
      parse_chat_request(with("messages", OrderedJson::array({{{"role", "user"}, {"content", parts}}})), {});
  REQUIRE_FALSE(parsed.problem);
  CHECK(parsed.request.messages[0]["content"] == "ab");
  OrderedJson image = OrderedJson::array({{{"type", "image_url"}, {"image_url", {{"url", "x"}}}}});
  CHECK(problem_field(with("messages", OrderedJson::array({{{"role", "user"}, {"content", image}}}))) ==
        "messages");
}

TEST_CASE("completions take a text, ids, or several of them") {
  const auto parse = [](OrderedJson prompt) {
    return parse_completion_request({{"model", "m"}, {"prompt", std::move(prompt)}}, {});
  };
  CHECK(parse("a").request.prompts.size() == 1);
  CHECK(parse(OrderedJson::array({1, 2})).request.prompt_tokens.size() == 1);
  CHECK(parse(OrderedJson::array({"a", "b"})).request.prompts.size() == 2);
  CHECK(parse(OrderedJson::array({OrderedJson::array({1}), OrderedJson::array({2})}))
            .request.prompt_tokens.size() == 2);
  CHECK(parse(OrderedJson::array({-1})).problem);
  CHECK(parse(5).problem);
}
