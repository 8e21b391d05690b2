// The key of the local API: made once, kept in a file that only its owner reads.
#pragma once

#include <string>

#include "core/base/paths.h"

namespace fabula::gui {

std::string load_or_make_server_key(const Places& places);
// A new one, stored where that can be done: it works in either case for as long as the window is open.
std::string make_server_key(const Places& places);

}  // namespace fabula::gui
