// A text that has outgrown the context: where the person chose so, the oldest is left out. Never silently: the
// window shows what is not read any more, and without that choice it is an error that names both numbers.
//
// Cuts stand at multiples of a quarter of the room, counted from the very beginning, and move on only when they
// must: the prompt begins with the same tokens for many turns, so that what was read of it stays useful.
#pragma once

#include <cstdint>
#include <functional>

#include "core/base/result.h"
#include "core/session/context.h"
#include "core/session/types.h"

namespace fabula::session {

// Tokens of the context that are kept free for a reply.
int64_t reply_room(const SessionSettings& settings, int64_t context);

// The conversation from its `first` message on, rendered.
using RenderFrom = std::function<Result<Context>(size_t first)>;

// The whole conversation where it has at most `limit` tokens (0: any number), else without its oldest turns; a
// turn begins with words of a person, and the last one always stays. Errors: those of `render`.
Result<Context> fit_chat(const MessagePath& path, int64_t limit, const RenderFrom& render);

// The page where it has at most `limit` tokens, else without its oldest ones; memory and author's note always
// stay. The cut moves on to the next place behind which a sentence may begin, if there is one near.
void fit_story(Context& page, int64_t limit, const std::function<bool(int32_t token)>& ends_sentence);

}  // namespace fabula::session
