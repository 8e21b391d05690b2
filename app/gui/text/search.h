// Finding words in a text, as Ctrl+F does: letters of either case, by simple case folding (Unicode 15).
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace fabula::text {

// Byte ranges of the places, in order, not overlapping, at most `limit`. An empty needle is found nowhere.
std::vector<std::pair<size_t, size_t>> find_all(std::string_view text, std::string_view needle,
                                                size_t limit = 10000, bool match_case = false);

}  // namespace fabula::text
