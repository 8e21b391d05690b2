// The parts of a session as JSON: what the database keeps in its JSON columns and what an export holds is
// written and read by the same functions. Reading is strict: wrong types, values out of range and unknown
// fields are errors that say where.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/session/types.h"

namespace fabula::session {

OrderedJson settings_to_json(const SessionSettings& settings);
OrderedJson receipt_to_json(const Receipt& receipt);
using Alternatives = std::vector<std::vector<engine::Choice>>;  // as Message has them
OrderedJson alternatives_to_json(const Alternatives& alternatives);
OrderedJson stats_to_json(const MessageStats& stats);

// `where` begins the error ("messages[3].receipt"). Errors: corrupt.
Result<SessionSettings> settings_from_json(const Json& value, const std::string& where);
Result<Receipt> receipt_from_json(const Json& value, const std::string& where);
Result<MessageStats> stats_from_json(const Json& value, const std::string& where);
Result<Alternatives> alternatives_from_json(const Json& value, const std::string& where);
Result<std::vector<int32_t>> tokens_from_json(const Json& value, const std::string& where);

}  // namespace fabula::session
