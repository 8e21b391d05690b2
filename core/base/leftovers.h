// What a process leaves behind that was killed while it wrote a file.
#pragma once

#include <filesystem>

namespace fabula {

// Removes temporary files of write_file_atomically(path, ...) that never got their name. For whoever writes `path` alone: another one's
// file on its way would go, too, and its writing fail.
void remove_leftovers(const std::filesystem::path& path);

}  // namespace fabula
