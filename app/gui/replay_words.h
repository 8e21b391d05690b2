// What a replay gave, in words for the person.
#pragma once

#include <functional>
#include <string>

#include "app/gui/strings.h"
#include "core/session/service_types.h"

namespace fabula::gui {

// `words_of` gives the beginning of a message's text by its id, "" where it is not at hand.
std::string replay_words(const Strings& tr, const session::ReplayReport& report,
                         const std::function<std::string(const std::string& message)>& words_of);

}  // namespace fabula::gui
