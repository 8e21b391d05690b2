#include "app/gui/server_key.h"

#include <sys/random.h>

#include <array>

#include "core/base/file.h"
#include "core/engine/remote_endpoints.h"

namespace fabula::gui {
namespace {

constexpr size_t key_bytes = 24;

std::filesystem::path key_file(const Places& places) { return places.config / "server-key"; }

}  // namespace

std::string load_or_make_server_key(const Places& places) {
  const auto stored = read_file(key_file(places), 4096);
  return stored.ok() && !stored->empty() ? *stored : make_server_key(places);
}

std::string make_server_key(const Places& places) {
  std::array<unsigned char, key_bytes> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) return "";
  static constexpr char digits[] = "0123456789abcdef";
  std::string key = "fabula-";
  for (const unsigned char byte : random) {
    key += digits[byte >> 4];
    key += digits[byte & 15];
  }
  static_cast<void>(engine::write_private_file(key_file(places), key).ok());
  return key;
}

}  // namespace fabula::gui
