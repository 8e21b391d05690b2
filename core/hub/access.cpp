#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/hub/hub.h"

namespace fabula::hub {

namespace fs = std::filesystem;

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path own_token_file(const Places& places) { return places.config / "hub_token"; }

std::string token_in(const fs::path& file) {
  const auto text = read_file(file, 4096);
  if (!text.ok()) return {};
  const size_t first = text->find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text->substr(first, text->find_last_not_of(" \t\r\n") - first + 1);
}

fs::path tools_token_file() {
  if (const std::string file = variable("HF_TOKEN_PATH"); !file.empty()) return file;
  if (const std::string home = variable("HF_HOME"); !home.empty()) return fs::path(home) / "token";
  const std::string home = variable("HOME");
  return home.empty() ? fs::path() : fs::path(home) / ".cache/huggingface/token";
}

}  // namespace

Access access_from_environment(const Places& places) {
  Access access;
  if (std::string endpoint = variable("HF_ENDPOINT"); !endpoint.empty()) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    access.endpoint = std::move(endpoint);
  }
  access.token = variable("HF_TOKEN");
  if (access.token.empty()) access.token = token_in(own_token_file(places));
  if (access.token.empty()) access.token = token_in(tools_token_file());
  return access;
}

Status save_token(const Places& places, const std::string& token) {
  const fs::path file = own_token_file(places);
  if (token.empty()) {
    std::error_code error;
    fs::remove(file, error);
    return error ? Status(io_error("remove", file, error.value())) : Status();
  }
  for (const char c : token)
    if (c <= ' ' || c == 0x7F) return Error{ErrorCode::invalid_argument, "an access token has no spaces or line breaks"};
  FABULA_TRY(fabula::create_directories(file.parent_path()));
  return write_file_atomically(file, token, Readable::by_owner);
}

Result<std::string> account_name(net::HttpClient& client, const Access& access, const std::atomic<bool>* cancel) {
  net::HttpRequest request;
  request.url = access.endpoint + "/api/whoami-v2";
  request.bearer_token = access.token;
  request.cancel = cancel;
  FABULA_ASSIGN(const net::HttpReply reply, client.fetch(request, uint64_t{1} << 20));
  if (reply.head.status == 401) return Error{ErrorCode::invalid_argument, access.endpoint + " does not know this access token"};
  if (!reply.head.ok()) return refusal(access, reply.head, "", "the account");
  FABULA_ASSIGN(const Json json, parse_json(reply.body, "the hub's answer"));
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string())
    return Error{ErrorCode::corrupt, access.endpoint + " gave an answer without a name"};
  return json["name"].get<std::string>();
}

}  // namespace fabula::hub
