// A replay that is under way: one reply after the other, each in the parts that its receipt names.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/session/host_impl.h"

namespace fabula::session {

struct HostService::Impl::Replay {
  std::vector<std::shared_ptr<const Message>> messages;  // parents first
  std::unordered_map<std::string, const Message*> by_id;
  Promise<ReplayReport> answer;
  ReplayReport report;
  size_t next = 0;                    // index into messages

  // Of the reply that is being written again:
  const Message* reply = nullptr;
  engine::ModelId model = 0;
  std::vector<int32_t> prompt;
  size_t part = 0;                    // 0: the receipt itself, then its continuations
  std::vector<int32_t> got;           // all parts
  engine::RequestId request = 0;
};

}  // namespace fabula::session
