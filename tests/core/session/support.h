// What the session tests share: a store in a folder that vanishes, and messages made in one line.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/session/store.h"
#include "tests/support/support.h"

namespace fabula::session::test {

inline std::unique_ptr<Store> open_store(const std::filesystem::path& path) {
  auto store = Store::open(path);
  REQUIRE_MESSAGE(store.ok(), store.error().message);
  return *std::move(store);
}

inline Message make_message(Role role, std::string text, std::string parent = "", std::vector<int32_t> tokens = {}) {
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
