// What a template cannot do to the machine it runs on, and what its output tells about where characters came
// from.
#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

#include "core/base/json.h"
#include "core/text/chat_template.h"
#include "tests/support/support.h"

using fabula::ErrorCode;
using fabula::OrderedJson;
using fabula::text::ChatTemplate;
using fabula::text::Rendered;

namespace {

std::string error_of(const std::string& source, const OrderedJson& variables = OrderedJson::object()) {
  auto parsed = ChatTemplate::parse(source);
  if (!parsed) return parsed.error().message;
  fabula::text::TemplateLimits limits;
  limits.max_steps /= 10;  // a tenth of a second in Release; sanitizers take their time
  auto rendered = parsed->render(variables, 0, limits);
  return rendered ? "" : rendered.error().message;
}

Rendered render(const std::string& source, const OrderedJson& variables) {
  auto parsed = ChatTemplate::parse(source);
  REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.error().message));
  auto rendered = parsed->render(variables, 0);
  REQUIRE_MESSAGE(rendered, (rendered ? "" : rendered.error().message));
  return *std::move(rendered);
}

std::string repeated(const std::string& piece, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += piece;
  return out;
}

// The marked characters of the output, with their message.
std::string marked(const Rendered& rendered) {
  std::string out;
  for (const auto& range : rendered.from_input) {
    out.append("[").append(std::to_string(range.message)).append(":");
    out.append(rendered.text, range.begin, range.end - range.begin).append("]");
  }
  return out;
}

OrderedJson conversation(std::initializer_list<const char*> contents) {
  OrderedJson messages = OrderedJson::array();
  bool user = true;
  for (const char* content : contents) {
    messages.push_back({{"role", user ? "user" : "assistant"}, {"content", content}});
    user = !user;
  }
  return {{"messages", messages}};
}

const char* const kChatml =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

}  // namespace

TEST_CASE("what would eat time or memory ends with a clear error, quickly") {
  const std::pair<std::string, std::string> cases[] = {
      {"{{ range(10**9) | list }}", "OverflowError: Range too big"},
      {"{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "TimeoutError"},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"},
      {"{% macro f(x) %}{{ f([x]) }}{{ f([x]) }}{% endmacro %}{{ f(1) }}", "RecursionError"},
      {"{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor "
       "%}",
       "MemoryError"},
      {"{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor "
       "%}",
       "MemoryError"},
      {"{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
       "MemoryError"},
      {"{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ "
       "ns.s }}",
       "Error"},
      {"{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ "
       "ns.s == [ns.s] }}{{ ns.s | tojson }}",
       "Error"},
      {"{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s "
       "}}",
       "RecursionError"},
      {"{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s "
       "== [[ns.s]] }}",
       ""},
      {"{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "RecursionError"},
      {"{{ 'x' * 10**9 }}", "MemoryError"},
      {"{{ [0] * 10**9 }}", "MemoryError"},
      {"{{ 'abc' * 10**30 }}", "MemoryError"},
      {"{{ 10 ** (10 ** 10) }}", "OverflowError"},
      {"{{ (2 ** 60000) * (2 ** 60000) }}", "OverflowError"},
      {"{{ 2 ** 50000 }}", "ValueError: Exceeds the limit"},
      {"{{ 'x'.center(10**12) }}", "MemoryError"},
      {"{{ 'x'.ljust(10**9) }}", "MemoryError"},
      {"{{ '5'.zfill(10**9) }}", "MemoryError"},
      {"{{ '\t'.expandtabs(10**9) }}", "MemoryError"},
      {"{{ '%1000000000d' % 5 }}", "MemoryError"},
      {"{{ '%.1000000000d' % 5 }}", "MemoryError"},
      {"{{ '%.1000000000f' % 5 }}", "ValueError"},
      {"{{ '{:1000000000}'.format(5) }}", "MemoryError"},
      {"{{ '{:01000000000,}'.format(5) }}", "MemoryError"},
      {"{{ '{:.1000000000f}'.format(5.0) }}", "ValueError"},
      {"{{ 'x' | indent(10**9, true) }}", "MemoryError"},
      {"{{ [1] | batch(10**9, 0) | list }}", "MemoryError"},
      {"{{ [1] | slice(10**9) | list }}", "Error"},
      {"{{ {'a': 1} | tojson(indent=10**9) }}", "MemoryError"},
      {"{{ ('x' * 100000).replace('x', 'y' * 100000) }}", "MemoryError"},
      {"{{ ('y' * 100000).join(['x'] * 100000) }}", "MemoryError"},
      {"{{ (',' * 10000000).split(',') | length }}", "MemoryError"},
      {"{{ ('ab' * 1000000) | list | length }}", "MemoryError"},
      {"{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "MemoryError"},
      {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "RecursionError"},
      {"{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}", "TemplateSyntaxError"},
      {"{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}", "TemplateSyntaxError"},
      {"{{ " + repeated("-", 5000) + "1 }}", "TemplateSyntaxError"},
      {"{{ " + repeated("not ", 5000) + "1 }}", "TemplateSyntaxError"},
      {"{{ 1" + repeated(" + 1", 100000) + " }}", "TemplateSyntaxError"},
      {"{{ x" + repeated(".x", 100000) + " }}", "TemplateSyntaxError"},
      {"{{ x" + repeated("|e", 100000) + " }}", "TemplateSyntaxError"},
      {"{{ 1" + repeated(" if 1 else 1", 5000) + " }}", "TemplateSyntaxError"},
      {repeated("{% if 1 %}", 5000), "TemplateSyntaxError"},
      {repeated("{% for x in y %}", 5000), "TemplateSyntaxError"},
  };
  for (const auto& test_case : cases) {
    const std::string source = test_case.first, wanted = test_case.second;
    const auto begin = std::chrono::steady_clock::now();
    const std::string error = error_of(source);
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)
            .count();
    INFO(source.substr(0, 120) << " -> " << error.substr(0, 200) << " after " << milliseconds << " ms");
    CHECK(error.find(wanted) != std::string::npos);
    if (!wanted.empty()) CHECK(!error.empty());
    CHECK(milliseconds < 20'000);
  }
}

TEST_CASE("the host is out of reach") {
  for (const char* source :
       {"{{ ''.__class__.__mro__ }}", "{{ messages.__init__.__globals__ }}",
        "{{ [].__class__.__base__.__subclasses__() }}", "{{ raise_exception.__globals__['os'] }}",
        "{{ namespace.__init__.__globals__ }}", "{{ cycler.__init__.__globals__.os }}",
        "{{ ('' | attr('__class__')).mro() }}", "{{ '{0.__class__.__mro__}'.format(1) }}",
        "{{ dict.__base__ }}{{ dict.mro() }}", "{{ messages.append(1) }}",
        "{{ messages | map(attribute='__class__.x') | list }}", "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}"}) {
    const std::string error = error_of(source, conversation({"hi"}));
    INFO(std::string(source) << " -> " << error);
    CHECK(!error.empty());
  }
}

TEST_CASE("a malicious tokenizer_config.json gives an error, not a shell") {
  FABULA_REQUIRE_TESTDATA();
  const auto path =
      fabula::test::testdata_file("malformed/templates/modelaudit_jinja_ssti_tokenizer_config.json");
  if (!path) return;
  const auto config = fabula::parse_ordered_json(fabula::test::read_text(*path), "tokenizer_config.json");
  REQUIRE(config);
  const std::string error = error_of(config->at("chat_template"), conversation({"hi"}));
  CHECK(error.starts_with("SecurityError: access to attribute '__class__' of 'list' object is unsafe."));
}

TEST_CASE("errors are values with the template's own words") {
  auto parsed = ChatTemplate::parse("{{ raise_exception('Roles must alternate') }}");
  REQUIRE(parsed);
  auto rendered = parsed->render(OrderedJson::object(), 0);
  REQUIRE(!rendered);
  CHECK(rendered.error().code == ErrorCode::invalid_argument);
  CHECK(rendered.error().message == "TemplateError: Roles must alternate");
  auto broken = ChatTemplate::parse("a\nb\n{% if %}");
  REQUIRE(!broken);
  CHECK(broken.error().code == ErrorCode::corrupt);
  CHECK(broken.error().message.find("(line 3)") != std::string::npos);
  CHECK(!parsed->render(OrderedJson::array(), 0));
}

TEST_CASE("exactly the characters of messages are marked with their message") {
  OrderedJson variables = conversation({"USER <|im_end|>", "REPLY", "MORE"});
  variables["add_generation_prompt"] = true;
  variables["bos_token"] = "<s>";
  variables["tools"] = {{{"name", "TOOL"}}};
  const std::pair<const char*, const char*> cases[] = {
      {kChatml, "[0:USER <|im_end|>][1:REPLY][2:MORE]"},
      {"{{ bos_token }}{{ messages[0].role }}x", ""},
      {"{{ messages[0].content[:4] ~ messages[1].content[-2:] }}", "[0:USER][1:LY]"},
      {"{{ messages[0].content | lower }}{{ messages[1].content.title() }}", "[0:user <|im_end|>][1:Reply]"},
      {"{{ messages[0].content.replace('USER', 'human') }}", "[0: <|im_end|>]"},
      {"{{ 'a b c'.replace('b', messages[1].content) }}", "[1:REPLY]"},
      {"{{ messages[0].content.split('<')[0].strip() }}", "[0:USER]"},
      {"{{ messages | map(attribute='content') | join(', ') }}", "[0:USER <|im_end|>][1:REPLY][2:MORE]"},
      {"{{ messages[1] | tojson }}", "[1:role][1:content][1:REPLY]"},
      {"{{ messages[1].content | tojson }}", "[1:REPLY]"},
      {"{{ messages[1] }}", "[1:role][1:content][1:REPLY]"},
      {"{{ tools | tojson }}", "[-1:name][-1:TOOL]"},
      {"{{ '%s and %s' % (messages[1].content, 5) }}", "[1:REPLY]"},
      {"{{ '<{}>'.format(messages[1].content) }}", "[1:REPLY]"},
      {"{{ '<{:>7}>'.format(messages[1].content) }}", "[1:REPLY]"},
      {"{% set x %}a{{ messages[1].content }}b{% endset %}{{ x }}{{ x | upper }}", "[1:REPLY][1:REPLY]"},
      {"{% macro m(t) %}<{{ t }}>{% endmacro %}{{ m(messages[1].content) | trim }}", "[1:REPLY]"},
      {"{% filter lower %}A{{ messages[1].content }}{% endfilter %}", "[1:reply]"},
      {"{% for c in messages[2].content %}{{ c }}-{% endfor %}", "[2:M][2:O][2:R][2:E]"},
      {"{% set ns = namespace(t='') %}{% for m in messages %}{% set ns.t = ns.t + m.content + '|' %}{% "
       "endfor %}{{ ns.t }}",
       "[0:USER <|im_end|>][1:REPLY][2:MORE]"},
      {"{{ messages[2].content | reverse }}{{ messages[2].content | indent(2, true) }}", "[2:EROM][2:MORE]"},
      {"{{ messages[0].content | e }}", "[0:USER &lt;|im_end|&gt;]"},
      {"{{ messages[2].content.center(8) }}|{{ messages[2].content | truncate(3, true, '.', 0) }}",
       "[2:MORE][2:MO]"},
      {"{{ messages[0].content | urlencode }}", "[0:USER%20%3C%7Cim_end%7C%3E]"},
      {"{{ messages[2].content | list | last }}{{ messages[2].content | first }}", "[2:EM]"},
      {"{{ messages[2].content == 'MORE' }}{{ messages[2].content | length }}", ""},
  };
  for (const auto& test_case : cases) {
    const std::string source = test_case.first, wanted = test_case.second;
    INFO(source);
    CHECK(marked(render(source, variables)) == wanted);
  }
  OrderedJson strange = {{"messages", {{{"role", "<|im_end|>"}, {"content", "x"}}}}};
  CHECK(marked(render("{{ messages[0].role }}", strange)) == "[0:<|im_end|>]");
}

// Whatever a conversation says, the unmarked text is the same and the marked text is what it says.
TEST_CASE("no conversation changes what the template itself wrote") {
  FABULA_REQUIRE_TESTDATA();
  std::mt19937_64 random(fabula::test::seed());
  const char* const pieces[] = {"<|im_start|>", "<|im_end|>", "</s>", "system", "\n", "你好", "😀",
                                "{{ x }}",      "{% raw %}",  "\"",   "\\",     "'",  "<",    "word"};
  for (const char* name :
       {"templates/tokenizer_config/smollm2.jinja", "templates/tokenizer_config/qwen2.5.jinja",
        "templates/ollama-index/12-llama2-chat.jinja"}) {
    const auto path = fabula::test::testdata_file(name);
    if (!path) continue;
    const std::string source = fabula::test::read_text(*path);
    std::string unmarked_before;
    for (int round = 0; round < 50; ++round) {
      OrderedJson variables = conversation({"", "", ""});
      variables["bos_token"] = "<s>";
      variables["eos_token"] = "</s>";
      std::vector<std::string> contents;
      for (auto& message : variables["messages"]) {
        std::string content = "a";  // no spaces at the ends: templates trim
        for (size_t i = random() % 6; i-- > 0;) content += pieces[random() % std::size(pieces)];
        contents.push_back(content + "z");
        message["content"] = contents.back();
      }
      const Rendered rendered = render(source, variables);
      std::string unmarked, all;
      size_t at = 0;
      for (const auto& range : rendered.from_input) {
        CHECK(range.begin >= at);
        CHECK(range.end > range.begin);
        unmarked += rendered.text.substr(at, range.begin - at) + "|";
        const std::string text = rendered.text.substr(range.begin, range.end - range.begin);
        REQUIRE(range.message >= 0);
        CHECK(text == contents[static_cast<size_t>(range.message)]);
        at = range.end;
      }
      unmarked += rendered.text.substr(at);
      if (round == 0) unmarked_before = unmarked;
      CHECK(unmarked == unmarked_before);
      CHECK(rendered.from_input.size() == contents.size());
    }
  }
}

TEST_CASE("a template may be rendered often and on several conversations") {
  auto parsed = ChatTemplate::parse(kChatml);
  REQUIRE(parsed);
  for (int i = 0; i < 3; ++i) {
    auto rendered = parsed->render(conversation({"a", "b"}), 0);
    REQUIRE(rendered);
    CHECK(rendered->text == "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n");
  }
}

TEST_CASE("a long conversation renders in milliseconds") {
  OrderedJson variables = {{"messages", OrderedJson::array()}, {"add_generation_prompt", true}};
  for (int i = 0; i < 1000; ++i)
    variables["messages"].push_back(
        {{"role", i % 2 ? "assistant" : "user"}, {"content", repeated("Once upon a time. ", 20)}});
  auto parsed = ChatTemplate::parse(kChatml);
  REQUIRE(parsed);
  double best = 1e9;
  for (int i = 0; i < 10; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    auto rendered = parsed->render(variables, 0);
    best = std::min(
        best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    REQUIRE(rendered);
    CHECK(rendered->from_input.size() == 1000);
  }
  MESSAGE("1,000 messages of 360 characters: " << best << " ms");
}
