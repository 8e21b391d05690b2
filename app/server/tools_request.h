// tools and tool_choice of a request, and the messages that calls leave behind, as templates want them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/server/fields.h"
#include "app/server/tool_formats.h"
#include "core/text/chat_template.h"

namespace fabula::server {

struct ToolsRequest {
  enum class Choice { none, automatic, required };
  OrderedJson declared = OrderedJson::array();  // as the client wrote them, for the template
  std::vector<Tool> tools;                      // those that may be called
  Choice choice = Choice::none;
  bool parallel = true;
};

// Fields tools, tool_choice, parallel_tool_calls.
ToolsRequest read_tools(FieldReader& fields);

// tool_calls of assistant messages: checked, their arguments as objects (templates write them themselves).
// Returns what is wrong, "" where nothing is.
std::string normalise_tool_calls(OrderedJson& message);

// How the model's template writes calls; null: in a way that Fabula does not read.
struct TemplateTools {
  bool knows_tools = false;  // the template shows the functions to the model
  const ToolFormat* format = nullptr;
};
TemplateTools probe_template(const text::ChatTemplate& chat_template);

// For a template that knows no tools: the functions go into the system message, calls and their results into
// plain messages, in the form of Hermes.
OrderedJson messages_with_tools(const OrderedJson& messages, const OrderedJson& declared);

}  // namespace fabula::server
