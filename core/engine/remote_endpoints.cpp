#include "core/engine/remote_endpoints.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/net/url.h"

namespace fabula::engine {

namespace {

constexpr std::string_view prefix = "remote:";
constexpr uint64_t max_file_bytes = 1 << 20;

std::filesystem::path list_file(const Places& places) {
  return places.config / "remotes.json";
}
std::filesystem::path key_file(const Places& places, const std::string& name) {
  return places.config / "remote-keys" / name;
}

bool is_name(std::string_view name) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, fine);
}

Status write_key(const std::filesystem::path& file, std::string_view key) {
  FABULA_TRY(fabula::create_directories(file.parent_path()));
  return write_file_atomically(file, key, Readable::by_owner);
}

Status write_list(const Places& places, const std::vector<RemoteEndpoint>& list) {
  OrderedJson remotes = OrderedJson::array();
  for (const RemoteEndpoint& endpoint : list) remotes.push_back({{"name", endpoint.name}, {"url", endpoint.url}});
  FABULA_TRY(fabula::create_directories(places.config));
  return write_file_atomically(list_file(places), dump_json(OrderedJson{{"remotes", remotes}}, 2));
}

}  // namespace

std::optional<RemoteName> remote_name_or_none(std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  const size_t slash = std::min(name.find('/'), name.size());
  RemoteName found{std::string(name.substr(0, slash)), ""};
  if (slash < name.size()) found.model = name.substr(slash + 1);
  return found;
}

Result<std::vector<RemoteEndpoint>> remote_endpoints(const Places& places) {
  std::vector<RemoteEndpoint> list;
  const std::filesystem::path path = list_file(places);
  const auto text = read_file(path, max_file_bytes);
  if (!text.ok() && text.error().code == ErrorCode::not_found) return list;
  if (!text.ok()) return text.error();
  FABULA_ASSIGN(const OrderedJson document, parse_ordered_json(*text, path.string()));
  const Error wrong{ErrorCode::corrupt, path.string() + " is no list of remote servers"};
  if (!document.is_object() || !document.contains("remotes") || !document["remotes"].is_array()) return wrong;
  for (const OrderedJson& row : document["remotes"]) {
    const bool fine = row.is_object() && row.contains("name") && row["name"].is_string() && row.contains("url") &&
                      row["url"].is_string() && is_name(row["name"].get_ref<const std::string&>());
    if (!fine) return wrong;
    list.push_back({row["name"], row["url"]});
  }
  return list;
}

Result<RemoteEndpoint> find_remote(const Places& places, const std::string& name) {
  FABULA_ASSIGN(const std::vector<RemoteEndpoint> list, remote_endpoints(places));
  const auto found = std::ranges::find(list, name, &RemoteEndpoint::name);
  if (found == list.end()) return Error{ErrorCode::not_found, "there is no remote server called \"" + name + "\""};
  return *found;
}

Status save_remote(const Places& places, RemoteEndpoint endpoint, std::string_view key) {
  if (!is_name(endpoint.name))
    return Error{ErrorCode::invalid_argument, "a remote server's name is 1 to 64 letters, digits, - or _"};
  while (endpoint.url.ends_with('/')) endpoint.url.pop_back();
  FABULA_ASSIGN(const net::Origin origin, net::origin_of(endpoint.url));
  if (origin.scheme == "http" && !key.empty() && !net::is_loopback(origin.host))
    return Error{ErrorCode::invalid_argument, "a key is not sent to " + origin.host + " without https: everybody on the way could read it"};
  FABULA_ASSIGN(std::vector<RemoteEndpoint> list, remote_endpoints(places));
  std::erase_if(list, [&](const RemoteEndpoint& other) { return other.name == endpoint.name; });
  if (key.empty())
    ::unlink(key_file(places, endpoint.name).c_str());
  else
    FABULA_TRY(write_key(key_file(places, endpoint.name), key));
  list.push_back(std::move(endpoint));
  return write_list(places, list);
}

Status remove_remote(const Places& places, const std::string& name) {
  FABULA_TRY(find_remote(places, name).ok() ? Status() : Status(Error{ErrorCode::not_found, "there is no remote server called \"" + name + "\""}));
  FABULA_ASSIGN(std::vector<RemoteEndpoint> list, remote_endpoints(places));
  std::erase_if(list, [&](const RemoteEndpoint& other) { return other.name == name; });
  ::unlink(key_file(places, name).c_str());
  return write_list(places, list);
}

Result<std::string> remote_key(const Places& places, const std::string& name) {
  const std::filesystem::path path = key_file(places, name);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno == ENOENT ? Result<std::string>(std::string()) : io_error("reading", path, errno);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return Error{ErrorCode::invalid_argument, path.string() + " can be read by others; chmod 600 it"};
  FABULA_ASSIGN(std::string key, read_file(path, 64 << 10));
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
  return key;
}

}  // namespace fabula::engine
