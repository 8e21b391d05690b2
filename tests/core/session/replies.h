// What tests ask about replies of a desk: their prompts, their pages, and how far they are.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "core/session/context.h"
#include "tests/core/session/desk.h"

namespace fabula::session::test {

inline std::vector<int32_t> page_of(const SessionView& view) {
  std::vector<int32_t> out;
  for (const auto& message : view.path) out.insert(out.end(), message->tokens.begin(), message->tokens.end());
  return out;
}

inline std::vector<int32_t> full_prompt(Desk& desk, const std::string& session, const Message& reply) {
  const auto tree = wait(desk->tree(session));
  auto prompt = prompt_of(*reply.receipt, [&](const std::string& id) -> const Message* {
    for (const auto& message : tree)
      if (message->id == id) return message.get();
    return nullptr;
  });
  require_ok(prompt);
  return *prompt;
}

inline bool starts_with(const std::vector<int32_t>& whole, const std::vector<int32_t>& begin) {
  return whole.size() >= begin.size() && std::equal(begin.begin(), begin.end(), whole.begin());
}

// The text that has come since, and a way to wait for a number of its pieces.
class PieceCounter {
 public:
  explicit PieceCounter(Service& service) : service_(service) {
    id_ = service.follow([this](const std::string&, const std::string&, std::string_view piece) {
      const std::lock_guard lock(mutex_);
      text_ += piece;
      ++count_;
      changed_.notify_all();
    });
  }
  ~PieceCounter() { service_.unfollow(id_); }
  void wait_for(int pieces) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return count_ >= pieces; }));
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  Service& service_;
  uint64_t id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  std::string text_;
};

}  // namespace fabula::session::test
