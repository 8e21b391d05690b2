// The automatic title of a session: the first words of its first message.
#pragma once

#include <string>
#include <string_view>

namespace fabula::session {

// One line, at most about 60 characters, cut between words where there are any, "…" where something was left
// out.
// "" where the text has nothing to show.
std::string automatic_title(std::string_view text);

// What a person typed as a title, made fit for one line: control characters and line breaks as single spaces,
// bounded.
std::string clean_title(std::string_view typed);

}  // namespace fabula::session
