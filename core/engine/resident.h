// A model in memory with everything that works on it: its executor, its KV memory, its sequences. One step()
// is one forward pass over a batch of them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/hub.h"
#include "core/engine/kv_cache.h"
#include "core/engine/scheduler.h"
#include "core/engine/token_draws.h"

namespace fabula::engine {

// Thread: made on the loader thread, then the engine thread alone.
class Resident {
 public:
  struct Setting {
    std::shared_ptr<Hub> hub;
    DiskTier* disk = nullptr;  // may be null; outlives this
    StepLimits limits;
    int64_t max_sequences = 16;
    int64_t kv_blocks = 0;
    uint64_t kv_ram_bytes = 0;  // for blocks that leave a GPU's memory
    bool speculation = true;
  };
  Resident(ModelId id, std::shared_ptr<const Engine::LoadedModel> loaded,
           std::unique_ptr<compute::Executor> executor, Setting setting);
  ~Resident();

  ModelId id() const { return id_; }
  const std::shared_ptr<const Engine::LoadedModel>& loaded() const { return loaded_; }
  const KvCache& cache() const { return cache_; }
  // The device is gone: everybody has been told, and whoever still asks is.
  bool is_lost() const { return loaded_->lost.has_value(); }
  bool is_idle() const { return waiting_.empty() && active_.empty(); }
  int64_t active() const { return static_cast<int64_t>(active_.size()); }

  void enqueue(std::unique_ptr<Sequence> sequence);
  void fetched(Fetched fetched);
  void set_threads(int threads);

  void end_cancelled();
  void forget(const std::unordered_set<KvKey, KvKeyHash>& keys) { cache_.forget(keys); }
  // Admits, plans, computes, samples. false: there is nothing that could be done now.
  bool step(uint64_t number);
  // Hands up to `max` new blocks to the disk tier. true: there may be more to do.
  bool spill(int64_t max) { return cache_.spill(max); }
  void end_all();
  // Measures how fast the weights can be read, where that is not known, or was before the last work and long ago. For idle moments;
  // gives up when `interrupted`. true: it was measured.
  bool measure_peak(const std::function<bool()>& interrupted);

 private:
  using SequencePtr = std::unique_ptr<Sequence>;

  void admit();
  void start(Sequence& sequence);
  bool plan(uint64_t number);
  void draft();
  void make_room();
  Sequence* worst_holder_or(Sequence* needy);
  void preempt(Sequence& victim);
  Status compute();
  void account(int64_t generated);
  void take_results();
  void take_drafts(Sequence& sequence);
  void take_logits(Sequence& sequence, int64_t begin, int64_t n, int64_t row);
  void want_token(Sequence& sequence, int64_t row);
  void take_tokens();
  void take_token(TokenDraws::Draw& draw);
  Status follow_begun(Sequence& sequence);
  int ranks_of(const Sequence& sequence) const;
  const float* logits_of(int64_t row) const { return executor_->logits() + row * loaded_->model->spec.vocab; }
  void emit_token(Sequence& sequence, const Choice& choice);
  void end(Sequence& sequence, FinishReason reason);
  void fail(Sequence& sequence, Error error);
  void fail_all(const Error& error);
  void lose(const Error& error);
  bool remove_ended();  // true: there were some
  void keep_workers_hot();
  compute::LogitRows rows_of(const Sequence& sequence, int64_t tokens) const;
  bool is_end_token(int32_t token) const;
  std::vector<std::string> end_texts() const;  // never shown

  const ModelId id_;
  std::shared_ptr<const Engine::LoadedModel> loaded_;
  std::unique_ptr<compute::Executor> executor_;
  const Setting setting_;
  KvCache cache_;
  TokenDraws draws_;  // of the step in progress
  BreakerTokens breakers_;
  std::vector<SequencePtr> waiting_, active_;
  bool memory_is_short_ = false;  // somebody was sent back: no new ones until somebody ends
  bool hot_ = false;
  uint64_t arrivals_ = 0;

  // Of the step in progress; kept to avoid allocations.
  struct Work {
    Sequence* sequence;
    int64_t tokens;
    bool decoding;
  };
  std::vector<Work> work_;
  std::vector<int32_t>
      drafted_;  // of the only sequence of the step: its last token and the guesses behind it; or empty
  int draft_length_ = 0;  // of DraftPolicy::lengths
  DraftPolicy draft_policy_;
  std::vector<Runnable> runnables_;
  std::vector<Sequence*> runnable_sequences_;
  std::vector<Planned> planned_;
  std::vector<compute::SequenceSlice> slices_;
  std::vector<std::shared_ptr<Control>> controls_;
  RateMeter prefill_rate_, decode_rate_, decode_bytes_;
  PeakWatch peak_;
  BusyMeter busy_;
};

}  // namespace fabula::engine
