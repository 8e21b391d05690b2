#include "app/gui/server_key.h"

#include <sys/random.h>

#include <array>

#include "core/base/file.h"

namespace fabula::gui {
namespace {

constexpr size_t key_bytes = 24;

std::filesystem::path key_file(const Places& places) { return places.config / "server-key"; }

Status keep(const Places& places, const std::string& key) {
  FABULA_TRY(fabula::create_directories(places.config));
  return write_file_atomically(key_file(places), key, Readable::by_owner);
}

}  // namespace

ServerKey load_or_make_server_key(const Places& places) {
  auto stored = read_file(key_file(places), 4096);
  if (stored.ok() && !stored->empty()) return {*std::move(stored), {}};
  return make_server_key(places);
}

ServerKey make_server_key(const Places& places) {
  std::array<unsigned char, key_bytes> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return {"", Error{ErrorCode::io, "the system gives no random numbers for a key"}};
  static constexpr char digits[] = "0123456789abcdef";
  ServerKey made{"fabula-", {}};
  for (const unsigned char byte : random) {
    made.text += digits[byte >> 4];
    made.text += digits[byte & 15];
  }
  made.kept = keep(places, made.text);
  return made;
}

}  // namespace fabula::gui
