// A line with found words marked: U+0002 opens a mark, U+0003 closes it, as the search gives its snippets.
#pragma once

#include <string>
#include <string_view>

#include "app/gui/ui/ui.h"

namespace fabula::gui {

// The line with every place marked that holds the query (ASCII letters in either case).
std::string marked(std::string_view line, std::string_view query);
std::string without_marks(std::string_view line);
void draw_marked(Ui& ui, ImVec2 at, std::string_view line, const TextLook& look, float max_width);

}  // namespace fabula::gui
