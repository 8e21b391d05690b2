// What the threads of an engine share: the way in, and the switches. Consumers keep it alive when the engine
// is gone.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "core/engine/channel.h"
#include "core/engine/control.h"
#include "core/engine/disk_tier.h"
#include "core/engine/inbox.h"
#include "core/engine/metrics_cells.h"
#include "core/engine/sequence.h"

namespace fabula::engine {

class Resident;

struct OpenChannel {
  std::shared_ptr<Channel> channel;
};
struct CloseChannel {
  std::shared_ptr<Channel> channel;
};
struct Submit {
  std::unique_ptr<Sequence> sequence;
};
struct LoadNews {  // progress or failure
  std::shared_ptr<Channel> channel;
  Event event;
  std::optional<Error> error;
};
struct Join {  // a loaded model
  std::shared_ptr<Channel> channel;
  RequestId request = 0;
  std::shared_ptr<Resident> resident;
};
struct Unload {
  ModelId model = 0;
  bool only_if_idle = false;
};
struct SetThreads {
  ModelId model = 0;
  int threads = 0;
};
struct Forget {  // KV blocks; `done` runs on any thread
  std::vector<KvKey> keys;
  std::function<void()> done;
};
struct LookUp {
  ModelId model = 0;
  std::vector<int32_t> tokens;
  std::function<void(int64_t stored)> answer;
};
struct Fetched {  // blocks from disk
  ModelId model = 0;
  RequestId request = 0;
  std::vector<DiskTier::Block> blocks;
};
struct Stop {};
using Command =
    std::variant<OpenChannel, CloseChannel, Submit, LoadNews, Join, Unload, SetThreads, LookUp, Forget, Fetched, Stop>;

struct Hub {
  Inbox<Command> inbox;
  Controls controls;
  MetricsCells metrics;
};

}  // namespace fabula::engine
