#include "core/base/long_calls.h"

namespace fabula {

LongCalls::~LongCalls() {
  for (const Call& call : calls_) *call.cancel = true;
  for (Call& call : calls_) call.thread.join();
}

LongCalls::Cancel LongCalls::run(std::function<void(const std::atomic<bool>&)> job) {
  std::erase_if(calls_, [](Call& call) {
    if (!*call.ended) return false;
    call.thread.join();
    return true;
  });
  auto cancel = std::make_shared<std::atomic<bool>>(false), ended = std::make_shared<std::atomic<bool>>(false);
  std::thread thread([cancel, ended, job = std::move(job)] {
    job(*cancel);
    *ended = true;
  });
  calls_.push_back({cancel, std::move(ended), std::move(thread)});
  return cancel;
}

}  // namespace fabula
