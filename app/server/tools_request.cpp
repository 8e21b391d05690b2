#include "app/server/tools_request.h"

#include <algorithm>

#include "core/text/template_request.h"

namespace fabula::server {

namespace {

constexpr size_t max_tools = 128;

bool is_tool_name(const std::string& name) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, fine);
}

// "" where the tool is fine.
std::string read_tool(const OrderedJson& tool, Tool& out) {
  if (!tool.is_object() || tool.value("type", OrderedJson()) != "function") return "only tools of type function are supported";
  const auto function = tool.find("function");
  if (function == tool.end() || !function->is_object()) return "a tool needs its function";
  for (const auto& [key, value] : function->items())
    if (key != "name" && key != "description" && key != "parameters" && key != "strict") return "unknown field function." + key;
  const OrderedJson name = function->value("name", OrderedJson());
  if (!name.is_string() || !is_tool_name(name.get<std::string>()))
    return "function.name must be 1 to 64 letters, digits, _, - or .";
  const OrderedJson strict = function->value("strict", OrderedJson());
  if (!strict.is_null() && !strict.is_boolean()) return "function.strict must be true or false";
  out.name = name.get<std::string>();
  out.parameters = function->value("parameters", OrderedJson{{"type", "object"}});
  out.strict = strict == OrderedJson(true);
  if (!out.parameters.is_object()) return "function.parameters must be a JSON schema";
  return "";
}

void read_choice(FieldReader& fields, ToolsRequest& request) {
  const OrderedJson* choice = fields.find_or_null("tool_choice");
  if (!choice || *choice == "auto") return;
  if (request.tools.empty() && *choice != "none") return fields.fail("tool_choice", "tool_choice needs tools");
  if (*choice == "none") {
    request.choice = ToolsRequest::Choice::none;
  } else if (*choice == "required") {
    request.choice = ToolsRequest::Choice::required;
  } else if (choice->is_object() && choice->value("type", OrderedJson()) == "function" && choice->contains("function") &&
             (*choice)["function"].is_object() && (*choice)["function"].contains("name")) {
    request.choice = ToolsRequest::Choice::required;
    const OrderedJson& name = (*choice)["function"]["name"];
    std::erase_if(request.tools, [&](const Tool& tool) { return name != tool.name; });
    if (request.tools.empty()) fields.fail("tool_choice", "tool_choice names a function that tools does not have");
  } else {
    fields.fail("tool_choice", "tool_choice must be none, auto, required or a function");
  }
}

}  // namespace

ToolsRequest read_tools(FieldReader& fields) {
  ToolsRequest request;
  if (const OrderedJson* tools = fields.find_or_null("tools")) {
    if (!tools->is_array() || tools->size() > max_tools) {
      fields.fail("tools", "tools must be a list of at most 128 functions");
      return request;
    }
    for (size_t i = 0; i < tools->size(); ++i) {
      Tool tool;
      if (const std::string wrong = read_tool((*tools)[i], tool); !wrong.empty()) {
        fields.fail("tools", "tools[" + std::to_string(i) + "]: " + wrong);
        return request;
      }
      request.tools.push_back(std::move(tool));
    }
    request.declared = *tools;
    if (!request.tools.empty()) request.choice = ToolsRequest::Choice::automatic;
  }
  read_choice(fields, request);
  fields.boolean("parallel_tool_calls", request.parallel);
  return request;
}

std::string normalise_tool_calls(OrderedJson& message) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end()) return "";
  if (calls->is_null() || (calls->is_array() && calls->empty())) {
    message.erase("tool_calls");
    return "";
  }
  if (!calls->is_array()) return "tool_calls must be a list";
  for (OrderedJson& call : *calls) {
    const bool fine = call.is_object() && call.contains("function") && call["function"].is_object() &&
                      call["function"].contains("name") && call["function"]["name"].is_string();
    if (!fine) return "each of tool_calls needs a function with a name";
    OrderedJson& function = call["function"];
    if (!function.contains("arguments")) function["arguments"] = OrderedJson::object();
    if (!function["arguments"].is_string()) continue;
    const auto parsed = parse_ordered_json(function["arguments"].get_ref<const std::string&>(), "arguments");
    if (!parsed.ok() || !parsed->is_object()) return "the arguments of a call must be a JSON object";
    function["arguments"] = *parsed;
  }
  return "";
}

TemplateTools probe_template(const text::ChatTemplate& chat_template) {
  TemplateTools found;
  const OrderedJson tools = OrderedJson::parse(R"([{"type":"function","function":{"name":"fabula_probe","description":"Looks.",
    "parameters":{"type":"object","properties":{"place":{"type":"string"}},"required":["place"]}}}])");
  const auto render = [&](OrderedJson messages) -> std::string {
    OrderedJson input = {{"messages", std::move(messages)}, {"tools", tools}};
    text::TemplateRequest request{.bos_token = "", .eos_token = "", .add_generation_prompt = false};
    auto variables = text::template_request(std::move(input), request);
    if (!variables.ok()) return "";
    const auto rendered = chat_template.render(*variables, 0);
    return rendered.ok() ? rendered->text : "";
  };
  const OrderedJson question = {{"role", "user"}, {"content", "Where?"}};
  found.knows_tools = render(OrderedJson::array({question})).find("fabula_probe") != std::string::npos;
  const OrderedJson call = OrderedJson::parse(R"({"role":"assistant","content":"","tool_calls":[{"id":"abcdefghi","type":"function",
    "function":{"name":"fabula_probe","arguments":{"place":"here"}}}]})");
  const OrderedJson result = OrderedJson::parse(R"({"role":"tool","tool_call_id":"abcdefghi","name":"fabula_probe","content":"found"})");
  std::string written = render(OrderedJson::array({question, call, result}));
  if (written.empty()) written = render(OrderedJson::array({question, call}));
  // Behind the question stands what the template itself makes of a call.
  const size_t asked = written.rfind("Where?");
  if (asked == std::string::npos || !found.knows_tools) return found;
  const std::string tail = written.substr(asked);
  for (const ToolFormat& format : tool_formats())
    if (tail.find(format.sample) != std::string::npos) {
      found.format = &format;
      break;
    }
  return found;
}

OrderedJson messages_with_tools(const OrderedJson& messages, const OrderedJson& declared) {
  std::string text =
      "You can call functions. They are, one a line, as JSON:\n<tools>\n";
  for (const OrderedJson& tool : declared) text += dump_json(tool) + "\n";
  text +=
      "</tools>\nTo call one, answer with a JSON object of its name and arguments in <tool_call></tool_call> tags:\n"
      "<tool_call>\n{\"name\": \"...\", \"arguments\": {...}}\n</tool_call>";
  OrderedJson out = OrderedJson::array();
  for (const OrderedJson& message : messages) {
    OrderedJson plain = {{"role", message["role"]}, {"content", message.value("content", "")}};
    if (message.contains("tool_calls"))
      for (const OrderedJson& call : message["tool_calls"]) {
        const OrderedJson body = {{"name", call["function"]["name"]}, {"arguments", call["function"]["arguments"]}};
        std::string content = plain["content"].get<std::string>();
        if (!content.empty()) content += "\n";
        plain["content"] = content + "<tool_call>\n" + dump_json(body) + "\n</tool_call>";
      }
    if (message["role"] == "tool") {
      plain["role"] = "user";
      plain["content"] = "<tool_response>\n" + plain["content"].get<std::string>() + "\n</tool_response>";
    }
    // Results of parallel calls come as one turn, as roles have to take turns.
    const bool joins = message["role"] == "tool" && !out.empty() && out.back()["role"] == "user";
    if (joins)
      out.back()["content"] = out.back()["content"].get<std::string>() + "\n" + plain["content"].get<std::string>();
    else
      out.push_back(std::move(plain));
  }
  if (declared.empty()) return out;
  if (!out.empty() && out[0]["role"] == "system")
    out[0]["content"] = out[0]["content"].get<std::string>() + "\n\n" + text;
  else
    out.insert(out.begin(), OrderedJson{{"role", "system"}, {"content", text}});
  return out;
}

}  // namespace fabula::server
