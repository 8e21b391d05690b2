// The folder of packed copies: its cap, and which copy goes first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace fabula::compute::cpu {

inline constexpr std::string_view packed_ending = ".panels";

// Removes the copies that were longest not used until `bytes` more fit under `cap`, and what a killed program left
// unfinished. False: they cannot fit, the disk would be left with less than a gigabyte, or the folder cannot be made.
bool make_room(const std::filesystem::path& folder, uint64_t bytes, uint64_t cap);

void mark_used(const std::filesystem::path& file);
void remove_quietly(const std::filesystem::path& file);

// A name that no other process and no other writer of this one takes.
std::filesystem::path temporary_beside(const std::filesystem::path& file);

}  // namespace fabula::compute::cpu
