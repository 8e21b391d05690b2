// The one public face of inference. One engine thread owns all model memory; requests go in through a queue,
// events come out through one lock-free ring per consumer, and the consumer is woken, never polled.
//
// Goals: same seed, same words, whatever the threads, chunks, batch-mates, cache or restarts; a stalled
// consumer never stalls the engine and never loses text. Non-goals: sessions, text templates (core/session).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/compute/executor.h"
#include "core/engine/backends.h"
#include "core/engine/sampler.h"
#include "core/grammar/constraint.h"
#include "core/model/model.h"

namespace fabula::engine {

using RequestId = uint64_t;
using ModelId = uint64_t;  // 0: none

enum class FinishReason : uint8_t { stop, length, cancelled, error };
const char* finish_reason_name(FinishReason reason);  // "stop", "length", "cancelled", "error"

struct ModelLoad {
  std::filesystem::path path;
  compute::Precision precision = compute::Precision::automatic;
  compute::KvPrecision kv_precision = compute::KvPrecision::f16;
  int64_t context = 0;  // tokens; 0: the model's own, at most 8192
  int threads = 0;      // 0: physical cores
  std::string device = "auto";
  int64_t gpu_layers = -1;  // on a GPU: how many layers it computes, the last ones; -1: as many as fit into its memory
};

struct GenerateRequest {
  ModelId model = 0;
  std::vector<int32_t> prompt;  // exact ids; the engine never tokenises
  SamplerSettings sampler;
  uint64_t seed = 0;
  uint32_t choice_index = 0;      // of `n` choices of one request
  int64_t max_tokens = 256;       // <= 0: until the context is full
  std::vector<std::string> stop;  // left out of the text; the text up to one is held back
  bool ignore_end_tokens = false;
  int top_logprobs = 0;  // alternatives per token, 0: none
  int priority = 0;      // higher first; the window's own requests use 1
  // The reply fits it from its first token to its last and ends nowhere else, unless it is cut off by
  // max_tokens or a stop string. Its vocabulary is LoadedModel's. null: free.
  std::shared_ptr<const grammar::Constraint> constraint;
  int64_t begun = 0;  // the prompt's last ids that belong to the reply already: the constraint covers them too
};

struct PromptStats {
  int64_t tokens = 0;
  int64_t reused = 0;  // found in the prefix store
  double seconds = 0;
};
struct DecodeStats {
  int64_t tokens = 0;
  double seconds = 0;
};

// Plain data: pushing one never allocates. Text longer than the buffer comes as several `text` events of the
// same token.
struct Event {
  enum class Kind : uint8_t {
    load_progress,    // request: the load's id; fraction
    loaded,           // model
    load_failed,      // read the error with take_error(request)
    unloaded,         // model
    lost,             // model: its device is gone (LoadedModel::lost), for every consumer; its requests end with that error
    prompt_progress,  // tokens: prompt tokens done so far
    token,            // token, logprob, and its text if any
    text,             // more text of the last token, or text that was held back
    finished,         // reason; prompt, decode
  };
  Kind kind = Kind::token;
  FinishReason reason = FinishReason::stop;
  uint8_t text_bytes = 0;
  RequestId request = 0;
  ModelId model = 0;
  int32_t token = -1;
  float logprob = 0;
  float fraction = 0;
  int64_t tokens = 0;
  PromptStats prompt;
  DecodeStats decode;
  char text[48] = {};
};

// Snapshot for panels and /metrics; read through atomics, never a lock that inference holds.
struct Metrics {
  double prefill_tokens_per_second = 0, decode_tokens_per_second = 0;  // of the last second of work
  double decode_gb_per_second = 0;                                     // weights and KV read
  double peak_read_gb_per_second = 0;  // at which the weights could be read here, measured while idle; 0: not yet
  int64_t active_requests = 0, queued_requests = 0, batch = 0;
  int64_t kv_blocks_used = 0, kv_blocks_total = 0;
  int64_t kv_ram_bytes = 0;  // of blocks that a GPU had no room for
  int64_t tokens_generated = 0, prompt_tokens_read = 0, prompt_tokens_reused = 0;
  int64_t tokens_drafted = 0, drafts_accepted = 0;
  int workers = 0;
  std::vector<float> shard_busy;  // by worker, 0 .. 1: how much of about the last half second it had work in hand
};

struct EngineOptions {
  size_t ring_events = 1024;        // per consumer
  int64_t max_queued = 64;          // beyond: ErrorCode::busy
  int64_t prefill_chunk = 256;      // tokens per step and sequence
  int64_t max_batch = 16;           // sequences decoded together
  bool speculation = true;          // drafts from the text itself, where they pay; never changes a word
  std::string isa;                  // override, "" for the best the machine has
  std::filesystem::path kv_folder;  // Places::kv_folder(); empty: KV does not survive a restart
  uint64_t kv_disk_bytes = uint64_t{4} << 30;  // cap of that folder
  uint64_t kv_ram_bytes =
      0;  // per model, for kept prefixes and running requests; 0: by the machine's free memory
  std::filesystem::path fingerprint_folder;  // model::OpenOptions; below the cache
  std::filesystem::path packed_folder;       // copies of converted weights (Places::packed_folder()); empty: none
  // Called on the loader's thread before a model takes that much memory: whoever keeps models may unload some and wait for it.
  // Loading goes on in either case.
  std::function<void(const Room& room, const std::atomic<bool>& cancel)> make_room;
  Backends backends;                         // left empty: real models on real devices
  LogSink* log = nullptr;                    // outlives the engine
};

// A consumer's end of a ring. Destroying it cancels its requests, and waits for a wake() that is running. It
// may outlive the engine. Thread: poll from one thread only.
class Consumer {
 public:
  virtual ~Consumer() = default;
  virtual bool poll(Event& event) = 0;              // false: nothing now; wake() follows when there is
  virtual Error take_error(RequestId request) = 0;  // once, after load_failed, or finished with reason error
  // Of the index-th generated token, once; kept until taken or the consumer is destroyed.
  virtual std::vector<Choice> take_alternatives(RequestId request, int64_t index) = 0;
};

class Engine {
 public:
  explicit Engine(EngineOptions options);
  ~Engine();  // cancels everything, hands what is left of new KV to the disk (at most a second), joins its
              // threads

  // `wake` runs on the engine thread after events were pushed; it must not block (glfwPostEmptyEvent, an
  // eventfd).
  std::unique_ptr<Consumer> make_consumer(std::function<void()> wake);

  // Thread: any. Loading happens on a loader thread; the model joins the engine thread when it is ready.
  // Models stay until unload(); the old one is never gone when the new one fails. Progress, loaded or
  // load_failed arrive at the consumer.
  RequestId load(const ModelLoad& load, Consumer& consumer);
  // only_if_idle: nothing happens where a request is being worked on or waits; `unloaded` says that it went.
  void unload(ModelId model, bool only_if_idle = false);
  double last_used(ModelId model) const;  // monotonic seconds of the last request or of loading; 0: not loaded
  // null: no such model. The context and executor info of a loaded model.
  struct LoadedModel {
    std::shared_ptr<const model::Model> model;
    ModelLoad load;
    compute::ExecutorInfo executor;
    std::optional<Error> lost;  // nothing can be asked of it any more; load it again, on this device or another
    int64_t context = 0;
    std::shared_ptr<grammar::LazyVocabulary> vocabulary;  // for constraints
  };
  std::shared_ptr<const LoadedModel> loaded_or_null(ModelId model) const;
  void set_threads(ModelId model, int threads);
  // How many of the first tokens need not be read again: what the store has in RAM or on disk; -1: no such model.
  // `answer` runs on the engine thread between two steps, must not block, and is dropped where the engine ends.
  void look_up(ModelId model, std::vector<int32_t> tokens, std::function<void(int64_t stored)> answer);

  // Takes the KV of these texts out of memory and off the disk, prefixes that they share with others included
  // (those are read again when they are needed). Replies being written keep what they stand on. `done` runs on
  // one of the engine's threads when the files are gone; where the engine ends before, never.
  struct ReadText {
    std::string model_fingerprint, numerics_id;
    std::vector<int32_t> tokens;
  };
  void forget(const std::vector<ReadText>& texts, std::function<void()> done);

  // Prompt and reply together fill at most the context; a prompt that fills it alone ends at once with
  // `length`. Errors at once: invalid_argument, not_found (model), context_overflow (both numbers), busy
  // (queue full).
  Result<RequestId> submit(GenerateRequest request, Consumer& consumer);
  // Looked at before every phase of a step; the finished event follows. Safe for any id at any time.
  void cancel(RequestId request);

  // (tokens, vocab) logits of a whole prompt, for `logits` and `score`; rows are delivered in order, in
  // chunks. Blocks the calling thread, not the engine's queue discipline. rows: (n, vocab) valid during the
  // call.
  Status evaluate(ModelId model, std::span<const int32_t> tokens,
                  const std::function<Status(int64_t first_row, int64_t n, const float* rows)>& deliver,
                  const std::atomic<bool>* cancel = nullptr);

  Metrics metrics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::engine
