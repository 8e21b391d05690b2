// A session as a server elsewhere is asked to go on with it: text, for its tokens are its own.
#pragma once

#include "core/engine/remote_engine.h"
#include "core/session/context.h"

namespace fabula::session {

// A chat as messages, a story as text to continue (memory in front, the note at its place). Settings that nobody changed
// are left to the server, as are those that OpenAI's API has no name for. Errors: invalid_argument (nothing to go on from).
Result<engine::RemoteRequest> remote_request(const SessionView& view, const MessagePath& path, const engine::SamplerSettings& sampler);

}  // namespace fabula::session
