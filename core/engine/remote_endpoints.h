// The servers elsewhere whose models may be used: any with an OpenAI-compatible API. Kept in the configuration
// folder: remotes.json with names and addresses, and each key in a file of its own that only its owner reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/paths.h"
#include "core/base/result.h"

namespace fabula::engine {

struct RemoteEndpoint {
  std::string name;  // letters, digits, - and _
  std::string url;   // up to and with /v1, no slash at the end
};

// "remote:NAME/model", as models are named. The model may hold slashes.
struct RemoteName {
  std::string endpoint, model;
};
std::optional<RemoteName> remote_name_or_none(std::string_view name);

// Errors: io, corrupt.
Result<std::vector<RemoteEndpoint>> remote_endpoints(const Places& places);
Result<RemoteEndpoint> find_remote(const Places& places, const std::string& name);  // not_found

// Adds, or replaces the one of that name; an empty key removes a stored one. Errors: invalid_argument (name, address), io.
Status save_remote(const Places& places, RemoteEndpoint endpoint, std::string_view key);
Status remove_remote(const Places& places, const std::string& name);  // not_found, io

// "" where none is stored. Errors: io; invalid_argument where others may read the file.
Result<std::string> remote_key(const Places& places, const std::string& name);

}  // namespace fabula::engine
