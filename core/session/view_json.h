// Sessions and messages as the contract's JSON; the command line prints the same.
#pragma once

#include "core/base/json.h"
#include "core/session/types.h"

namespace fabula::session {

OrderedJson info_json(const SessionInfo& info);
OrderedJson message_json(const Message& message);
OrderedJson view_json(const SessionView& view);

}  // namespace fabula::session
