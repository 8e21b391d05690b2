// Rows that tell of a model or a download, for the picker, the models' dialog and the first start.
#pragma once

#include <string>

#include "app/gui/shell.h"

namespace fabula::gui {

std::string size_words(uint64_t bytes);                                // "98 MB", "2.6 GB"
std::string parameters_words(uint64_t parameters);                     // "135M", "1.7B"; "" for none
std::string model_details(const Ui& ui, const model::LibraryEntry& entry);  // "135M · Q4_1 · 98 MB · 8k · apache-2.0"

const std::string& place_words(const Ui& ui, const std::string& found_in);  // the place's name; of what came with Fabula, that it did

// Name and details, or why it cannot be used. Returns whether it was clicked; one that cannot be used never is.
bool draw_model_row(Shell& shell, const std::string& id, const model::LibraryEntry& entry, const ImRect& box, bool chosen);

// Name, a bar, numbers, and buttons for pause, going on, cancelling or putting away.
float download_row_height(Ui& ui);
void draw_download_row(Shell& shell, const hub::Download& download, const ImRect& box);

// What fits is said softly, what does not is a warning.
void draw_fit(Shell& shell, uint64_t bytes, const ImRect& box);

}  // namespace fabula::gui
