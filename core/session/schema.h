// The tables of fabula.db and how an old database becomes a new one.
// Old versions open for ever; a newer one, or the database of another program, is refused before a byte of it
// changes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/base/result.h"
#include "core/session/sqlite.h"

namespace fabula::session {

inline constexpr int32_t database_application_id = 0x46616275;  // "Fabu"
inline constexpr int schema_version = 5;

// Opens, judges, configures and migrates. A new file gets the newest schema.
// Errors: io, busy, corrupt, unsupported (newer version; another program's database).
Result<Database> open_session_database(const std::filesystem::path& path, const char* vfs = nullptr);

// The full-text index. Taking away needs the very text that was added.
enum class SearchIndex : uint8_t { messages, titles };
Status add_to_index(Database& database, SearchIndex index, int64_t key, std::string_view text);
Status take_from_index(Database& database, SearchIndex index, int64_t key, std::string_view text);

}  // namespace fabula::session
