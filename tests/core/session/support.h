// What the session tests share: a store in a folder that vanishes, and messages made in one line.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/session/store.h"
#include "tests/support/support.h"

namespace fabula::session::test {

// A folder in memory where the system has one: these tests sync thousands of times, and what they check does
// not depend on how long a disk takes for it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::error_code error;
    const std::filesystem::path memory = "/dev/shm";
    const bool usable = std::filesystem::is_directory(memory, error) && ::access(memory.c_str(), W_OK) == 0;
    std::string name =
        ((usable ? memory : std::filesystem::temp_directory_path()) / "fabula-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::unique_ptr<Store> open_store(const std::filesystem::path& path) {
  auto store = Store::open(path);
  REQUIRE_MESSAGE(store.ok(), store.error().message);
  return *std::move(store);
}

inline Message make_message(Role role, std::string text, std::string parent = "",
                            std::vector<int32_t> tokens = {}) {
  Message message;
  message.id = make_uuid_v7();
  message.parent = std::move(parent);
  message.role = role;
  message.text = std::move(text);
  message.tokens = std::move(tokens);
  message.tokenizer = message.tokens.empty() ? "" : "tokenizer-a";
  message.created_at = unix_milliseconds();
  if (role == Role::assistant) message.finish_reason = "stop";
  return message;
}

// Until the words of purged sessions have left the search index.
inline void finish_tidying(Store& store) {
  for (;;) {
    const auto more = store.tidy();
    REQUIRE_MESSAGE(more.ok(), (more.ok() ? std::string() : more.error().message));
    if (!*more) return;
  }
}

inline Receipt make_receipt() {
  Receipt receipt;
  receipt.model_fingerprint = "abc";
  receipt.numerics_id = "def";
  receipt.build = "test";
  receipt.sampler.top_p = 0.95f;
  receipt.sampler.logit_bias = {{7, -1.5f}};
  receipt.seed = uint64_t{1} << 62;
  receipt.max_tokens = 64;
  receipt.stop = {"\n\n"};
  receipt.prompt_hash = std::string(64, 'a');
  receipt.prompt = {1, 2, 3};
  receipt.continuations = {{5, 9, {}}};
  return receipt;
}

template <class T>
void require_ok(const Result<T>& result) {
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? std::string() : result.error().message));
}

}  // namespace fabula::session::test
