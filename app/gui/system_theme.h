// Whether the desktop prefers a dark theme, from the files in which desktops keep it (no bus, no portal).
#pragma once

namespace fabula::gui {

// Reads small files; call it at start and when the window gains the focus, not in every frame.
bool system_prefers_dark();

}  // namespace fabula::gui
