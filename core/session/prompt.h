// A conversation through the model's chat template to exact token ids.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/model/model.h"

namespace fabula::session {

// What time a template sees (strftime_now, "Today is ..."). A session shows the day it was created on, in UTC, for as long
// as it lives (context.h): the date stands at the head of the prompt, and if it moved with the clock every
// session would be read anew from its first token each day, receipts would not replay, and the same session
// would read differently in another time zone. Requests that belong to no session (command line, API) come with
// all of their history each time and see the local time now, as other engines show it; their prefixes live for
// that day.
//
// The local time as seconds since 1970 as if it were UTC: what strftime_now shows.
int64_t local_seconds();

// `messages`: a list of {"role", "content", ...}; `more`: further template variables (an object, or null).
// What came from the messages never forms a special token; only what the template itself wrote does.
// Errors: unsupported (the model has no template: says why), invalid_argument (the template's own words).
Result<std::vector<int32_t>> chat_prompt(const model::Model& model, const OrderedJson& messages, const OrderedJson& more,
                                         int64_t now_local_seconds = local_seconds());

}  // namespace fabula::session
