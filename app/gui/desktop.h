// What Fabula asks of the desktop through its own programs. Thread: any but the UI's, for starting one takes a moment.
#pragma once

#include <string>

namespace fabula::gui {

// http and https only, in the person's browser (xdg-open).
void open_in_browser(const std::string& link);

// A notice beside the window (notify-send of libnotify). Nothing happens where there is none.
void show_desktop_notice(const std::string& title, const std::string& words);

}  // namespace fabula::gui
