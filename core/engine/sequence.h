// One request on its way: its tokens, what it holds of the KV memory, and where its output goes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/engine/channel.h"
#include "core/engine/control.h"
#include "core/engine/engine.h"
#include "core/engine/evaluate_job.h"
#include "core/engine/kv_cache.h"
#include "core/engine/reply_text.h"
#include "core/engine/speculation.h"
#include "core/grammar/matcher.h"

namespace fabula::engine {

struct Sequence {
  enum class Stage : uint8_t { waiting, fetching, running, ended };

  std::shared_ptr<Control> control;
  GenerateRequest request;      // `prompt` has moved to `tokens`
  std::vector<int32_t> tokens;  // prompt, then what was generated
  int64_t prompt_tokens = 0;
  std::shared_ptr<Channel> channel;  // of a generation
  std::optional<ReplyText> text;     // of a generation, from its first step on
  std::optional<grammar::Matcher> matcher;  // of a constrained generation, from its first step on
  std::shared_ptr<EvaluateJob> job;  // of an evaluation: every row's logits go there
  int64_t rows_done = 0;             // of an evaluation

  Stage stage = Stage::waiting;
  bool disk_tried_in_vain = false;
  uint64_t arrival = 0;      // order of coming
  uint64_t last_served = 0;  // step
  KvLease lease;
  NgramIndex ngrams;
  SamplerState sampler;

  int64_t reused = -1;  // -1: has not run yet
  double started_seconds = 0, first_token_seconds = 0;

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
  int64_t pending() const { return size() - lease.tokens; }
  int64_t generated() const { return size() - prompt_tokens; }
  Event event(Event::Kind kind) const {
    Event event;
    event.kind = kind;
    event.request = control->request;
    event.model = request.model;
    return event;
  }
  // The first position whose logits are still wanted: the store may provide everything before it.
  int64_t first_wanted_row() const { return job ? rows_done : size() - 1; }
};

}  // namespace fabula::engine
