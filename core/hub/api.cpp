#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "core/hub/hub.h"
#include "core/net/url.h"

namespace fabula::hub {

namespace {

constexpr uint64_t max_answer_bytes = uint64_t{32} << 20;
constexpr int max_pages = 50;

std::string text_or_empty(const Json& json, const char* key) {
  if (!json.is_object()) return {};
  const auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

uint64_t number_or_zero(const Json& json, const char* key) {
  if (!json.is_object()) return 0;
  const auto at = json.find(key);
  return at != json.end() && at->is_number_unsigned() ? at->get<uint64_t>() : 0;
}

bool is_gated(const Json& json) {  // false, true, "auto" or "manual"
  const auto at = json.is_object() ? json.find("gated") : json.end();
  return json.is_object() && at != json.end() && (at->is_string() || (at->is_boolean() && at->get<bool>()));
}

bool has_tag(const Json& json, std::string_view tag) {
  const auto tags = json.find("tags");
  return tags != json.end() && tags->is_array() &&
         std::ranges::any_of(*tags, [&](const Json& t) { return t.is_string() && t.get_ref<const std::string&>() == tag; });
}

std::string licence_of(const Json& json) {
  constexpr std::string_view prefix = "license:";
  if (const auto card = json.find("cardData"); card != json.end())
    if (std::string licence = text_or_empty(*card, "license"); !licence.empty()) return licence;
  const auto tags = json.find("tags");
  if (tags == json.end() || !tags->is_array()) return {};
  for (const Json& tag : *tags)
    if (tag.is_string() && tag.get_ref<const std::string&>().starts_with(prefix)) return tag.get<std::string>().substr(prefix.size());
  return {};
}

struct Answer {
  Json json;
  net::HttpHead head;
};

Result<Answer> ask(net::HttpClient& client, const Access& access, const std::string& url, const std::string& repository,
                   const std::string& what, const std::atomic<bool>* cancel) {
  net::HttpRequest request;
  request.url = url;
  request.bearer_token = access.token;
  request.headers = {{"Accept", "application/json"}};
  request.cancel = cancel;
  FABULA_ASSIGN(net::HttpReply reply, client.fetch(request, max_answer_bytes));
  if (!reply.head.ok()) return refusal(access, reply.head, repository, what);
  Answer answer;
  FABULA_ASSIGN(answer.json, parse_json(reply.body, "the answer of " + access.endpoint));
  answer.head = std::move(reply.head);
  return answer;
}

// Link: <https://...>; rel="next" (RFC 8288), followed only on the hub itself.
std::string next_page(const Access& access, const net::HttpHead& head) {
  const std::string* link = head.header_or_null("link");
  if (!link || link->find("rel=\"next\"") == std::string::npos) return {};
  const size_t begin = link->find('<'), end = link->find('>');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  const std::string url = link->substr(begin + 1, end - begin - 1);
  const auto here = net::origin_of(access.endpoint), there = net::origin_of(url);
  return here.ok() && there.ok() && *here == *there ? url : std::string();
}

bool is_hex(std::string_view text, size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void take_files(const Json& page, std::vector<RepositoryFile>& out) {
  if (!page.is_array()) return;
  for (const Json& entry : page) {
    if (text_or_empty(entry, "type") != "file") continue;
    RepositoryFile file{.path = text_or_empty(entry, "path"), .bytes = number_or_zero(entry, "size")};
    if (!is_safe_path(file.path)) continue;
    if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
      file.sha256 = text_or_empty(*lfs, "oid");
      if (file.sha256.starts_with("sha256:")) file.sha256.erase(0, 7);
      if (!is_hex(file.sha256, 64)) continue;
      file.bytes = number_or_zero(*lfs, "size");
    }
    out.push_back(std::move(file));
  }
}

}  // namespace

Error refusal(const Access& access, const net::HttpHead& head, const std::string& repository, const std::string& what) {
  const std::string* code = head.header_or_null("x-error-code");
  const bool gated = code && *code == "GatedRepo";
  const std::string page = access.endpoint + "/" + repository;
  switch (head.status) {
    case 401:
    case 403:
      if (gated || (head.status == 403 && !repository.empty()))
        return {ErrorCode::unsupported,
                repository + " is given only to those who accepted its conditions: open " + page +
                    " in a browser, accept them with your account, then " +
                    (access.token.empty() ? "give Fabula an access token of that account (fabula-cli models login, or the settings)"
                                          : "try again; the access token that Fabula has may belong to another account")};
      return {ErrorCode::unsupported, what + " is private, does not exist, or needs an access token" +
                                          (access.token.empty() ? " (fabula-cli models login, or the settings)"
                                                                : "; the one that Fabula has is not accepted")};
    case 404: return {ErrorCode::not_found, access.endpoint + " has no " + what};
    case 429: return {ErrorCode::busy, access.endpoint + " asks to wait: too many requests from this address"};
    default:
      if (head.status >= 500) return {ErrorCode::busy, access.endpoint + " has trouble of its own (status " + std::to_string(head.status) + ")"};
      return {ErrorCode::corrupt, access.endpoint + " answered with status " + std::to_string(head.status) + " where " + what + " was asked for"};
  }
}

Result<std::vector<FoundRepository>> search(net::HttpClient& client, const Access& access, std::string_view words, int limit,
                                            const std::atomic<bool>* cancel) {
  std::string url = access.endpoint + "/api/models?search=" + net::percent_encode(words) + "&sort=downloads&direction=-1&limit=" +
                    std::to_string(std::clamp(limit, 1, 100));
  for (const char* field : {"downloads", "likes", "tags", "gated", "gguf", "safetensors"}) url += std::string("&expand[]=") + field;
  // Brackets are legal in queries for every server in use, but not for RFC 3986.
  for (size_t at = url.find("[]"); at != std::string::npos; at = url.find("[]")) url = url.substr(0, at) + "%5B%5D" + url.substr(at + 2);
  FABULA_ASSIGN(const Answer answer, ask(client, access, url, "", "a search", cancel));
  if (!answer.json.is_array()) return Error{ErrorCode::corrupt, access.endpoint + " answered a search with something that is no list"};
  std::vector<FoundRepository> found;
  for (const Json& entry : answer.json) {
    FoundRepository repository{.id = text_or_empty(entry, "id")};
    if (!parse_pull_name(repository.id).ok()) continue;
    repository.licence = licence_of(entry);
    repository.downloads = number_or_zero(entry, "downloads");
    repository.likes = number_or_zero(entry, "likes");
    repository.gated = is_gated(entry);
    const auto gguf = entry.find("gguf"), tensors = entry.find("safetensors");
    repository.gguf = has_tag(entry, "gguf") || (gguf != entry.end() && gguf->is_object());
    repository.safetensors = has_tag(entry, "safetensors") || (tensors != entry.end() && tensors->is_object());
    if (gguf != entry.end()) repository.parameters = number_or_zero(*gguf, "total");
    if (repository.parameters == 0 && tensors != entry.end()) repository.parameters = number_or_zero(*tensors, "total");
    if (repository.gguf || repository.safetensors) found.push_back(std::move(repository));
  }
  return found;
}

Result<Repository> read_repository(net::HttpClient& client, const Access& access, const std::string& id, const std::atomic<bool>* cancel) {
  FABULA_TRY(parse_pull_name(id));
  const std::string base = access.endpoint + "/api/models/" + id;
  FABULA_ASSIGN(const Answer about, ask(client, access, base, id, "repository " + id, cancel));
  Repository repository{.id = id, .revision = text_or_empty(about.json, "sha")};
  if (!is_hex(repository.revision, 40)) return Error{ErrorCode::corrupt, access.endpoint + " does not tell which revision of " + id + " is meant"};
  repository.licence = licence_of(about.json);
  repository.gated = is_gated(about.json);
  std::string url = base + "/tree/" + repository.revision + "?recursive=true";
  for (int page = 0; !url.empty() && page < max_pages; ++page) {
    FABULA_ASSIGN(const Answer files, ask(client, access, url, id, "repository " + id, cancel));
    take_files(files.json, repository.files);
    url = next_page(access, files.head);
  }
  std::ranges::sort(repository.files, {}, &RepositoryFile::path);
  return repository;
}

std::string file_url(const Access& access, const Repository& repository, const RepositoryFile& file) {
  return access.endpoint + "/" + repository.id + "/resolve/" + repository.revision + "/" + net::percent_encode(file.path, "/");
}

}  // namespace fabula::hub
