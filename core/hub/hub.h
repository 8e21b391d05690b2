// The hub that models are fetched from (huggingface.co or whoever speaks its API: HF_ENDPOINT): who we are there, what
// there is, what a repository holds. Everything it answers is untrusted: sizes are bounded, names of files are checked.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/net/http_client.h"

namespace fabula::hub {

struct Access {
  std::string endpoint = "https://huggingface.co";  // without a slash at its end
  std::string token;                                // "": nobody
};

// HF_ENDPOINT; HF_TOKEN, else the token that save_token kept, else the one of Hugging Face's own tools (HF_HOME/token).
Access access_from_environment(const Places& places);

// In a file that only this user can read (0600); "" removes it. Errors: invalid_argument (spaces, control characters), io.
Status save_token(const Places& places, const std::string& token);

// Whose token it is. Errors: invalid_argument (the hub does not know it), and those of the network.
Result<std::string> account_name(net::HttpClient& client, const Access& access, const std::atomic<bool>* cancel = nullptr);

// ---- what there is

struct FoundRepository {
  std::string id;       // "org/name"
  std::string licence;  // "apache-2.0"; "" unknown
  uint64_t downloads = 0, likes = 0;
  uint64_t parameters = 0;  // 0 unknown
  bool gguf = false, safetensors = false, gated = false;
};

// By name, most downloaded first; only repositories with GGUF or safetensors files.
Result<std::vector<FoundRepository>> search(net::HttpClient& client, const Access& access, std::string_view words, int limit = 30,
                                            const std::atomic<bool>* cancel = nullptr);

struct RepositoryFile {
  std::string path;    // relative, checked: no "..", no backslash, nothing hidden
  uint64_t bytes = 0;
  std::string sha256;  // hex; "" of small files, which the hub keeps without one
};

struct Repository {
  std::string id, revision, licence;  // revision: the commit
  bool gated = false;
  std::vector<RepositoryFile> files;  // those with sound names
};

// Errors: not_found, unsupported (gated or private: says what to do), io, corrupt.
Result<Repository> read_repository(net::HttpClient& client, const Access& access, const std::string& id,
                                   const std::atomic<bool>* cancel = nullptr);

// ---- which files of it

// "org/name", "org/name:file.gguf", "org/name:Q4_K_M".
struct PullName {
  std::string repository, selector;
  std::string text() const { return selector.empty() ? repository : repository + ":" + selector; }
};
Result<PullName> parse_pull_name(std::string_view text);

// A GGUF file with all its parts, or a Hugging Face folder's weights with what belongs to them. Without a selector: of
// GGUF repositories Q4_K_M, else the nearest to it. The file that makes the model visible stands last (the first part,
// config.json). Errors: not_found (names what there is).
Result<std::vector<RepositoryFile>> choose_files(const Repository& repository, const std::string& selector);

// The quantisations a GGUF repository offers with the bytes of each, in order of size. Empty: it has no GGUF file.
struct Offer {
  std::string selector;  // "Q4_K_M", or the file's name where it tells none
  uint64_t bytes = 0;
};
std::vector<Offer> offers(const Repository& repository);

// Relative, of at most 512 bytes, no part empty, hidden, "." or "..", no backslash, colon or control character.
bool is_safe_path(std::string_view path);

// Of one file; every part of the path is encoded.
std::string file_url(const Access& access, const Repository& repository, const RepositoryFile& file);

// What a status other than 2xx means, in words for the person who asked for `what`.
Error refusal(const Access& access, const net::HttpHead& head, const std::string& repository, const std::string& what);

}  // namespace fabula::hub
