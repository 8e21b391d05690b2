#include "core/engine/resident.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/base/clock.h"

namespace fabula::engine {

namespace {

constexpr size_t fetch_blocks = 8;  // read from disk at a time: bounds the memory between disk and executor

// Who gives way first stands last.
auto standing(const Sequence& sequence) {
  return std::tuple(-sequence.request.priority, sequence.arrival);
}

}  // namespace

Resident::Resident(ModelId id, std::shared_ptr<const Engine::LoadedModel> loaded,
                   std::unique_ptr<compute::Executor> executor, Setting setting)
    : id_(id),
      loaded_(std::move(loaded)),
      executor_(std::move(executor)),
      setting_(std::move(setting)),
      cache_(*executor_, root_key(loaded_->model->info.fingerprint, executor_->info().numerics_id),
             setting_.kv_blocks, setting_.disk, setting_.kv_ram_bytes),
      draws_(*executor_, loaded_->model->spec.vocab) {}

Resident::~Resident() = default;

void Resident::enqueue(SequencePtr sequence) {
  sequence->arrival = ++arrivals_;
  waiting_.push_back(std::move(sequence));
}

void Resident::set_threads(int threads) {
  executor_->set_threads(threads);
  auto changed = std::make_shared<Engine::LoadedModel>(*loaded_);
  changed->executor = executor_->info();
  loaded_ = std::move(changed);
  peak_.forget();
}

void Resident::end_cancelled() {
  for (auto* list : {&waiting_, &active_})
    for (const SequencePtr& sequence : *list)
      if (sequence->control->cancelled) end(*sequence, FinishReason::cancelled);
  remove_ended();
}

void Resident::end_all() {
  for (auto* list : {&waiting_, &active_})
    for (const SequencePtr& sequence : *list) end(*sequence, FinishReason::cancelled);
  remove_ended();
}

bool Resident::step(uint64_t number) {
  end_cancelled();
  if (is_lost()) {
    fail_all(*loaded_->lost);
    return remove_ended();
  }
  admit();
  keep_workers_hot();
  if (!plan(number)) {
    const bool made_place = remove_ended();  // for those who wait
    keep_workers_hot();
    return made_place;
  }
  draft();
  make_room();
  if (const Status status = compute(); !status.ok()) {
    const bool abandoned = std::ranges::any_of(controls_, [](const auto& c) { return c->cancelled.load(); });
    if (status.error().code == ErrorCode::device_lost) lose(status.error());
    else if (status.error().code != ErrorCode::cancelled || !abandoned)
      for (const Work& work : work_) fail(*work.sequence, status.error());
  } else {
    const int64_t before = setting_.hub->metrics.tokens_generated;
    take_results();
    account(setting_.hub->metrics.tokens_generated - before);
  }
  end_cancelled();
  keep_workers_hot();
  return true;
}

bool Resident::measure_peak(const std::function<bool()>& interrupted) {
  if (!peak_.is_due(monotonic_seconds())) return false;
  const double bytes_per_second = executor_->measure_read_rate(interrupted);
  if (interrupted()) return false;  // the next idle moment will do
  peak_.measured(bytes_per_second / 1e9, monotonic_seconds());
  setting_.hub->metrics.peak_read_gb_per_second = peak_.gb_per_second();
  return true;
}

// ---- coming in ----

void Resident::admit() {
  if (active_.empty()) memory_is_short_ = false;
  std::ranges::stable_sort(waiting_, {}, [](const SequencePtr& s) { return standing(*s); });
  while (!memory_is_short_ && !waiting_.empty() && active() < setting_.max_sequences) {
    active_.push_back(std::move(waiting_.front()));
    waiting_.erase(waiting_.begin());
    if (active_.back()->reused < 0) --setting_.hub->metrics.queued_requests;
    start(*active_.back());
  }
}

// Takes what RAM has; sends for what the disk has; runs when there is no more.
void Resident::start(Sequence& sequence) {
  if (sequence.started_seconds == 0) sequence.started_seconds = monotonic_seconds();
  const int64_t before = sequence.lease.tokens;
  const int64_t limit = sequence.first_wanted_row();
  cache_.attach(sequence.lease, sequence.tokens, limit);
  if (sequence.stage == Sequence::Stage::fetching && sequence.lease.tokens == before)
    sequence.disk_tried_in_vain = true;
  if (!sequence.disk_tried_in_vain) {
    auto keys = cache_.on_disk(sequence.lease, sequence.tokens, limit, fetch_blocks);
    if (!keys.empty()) {
      sequence.stage = Sequence::Stage::fetching;
      setting_.disk->fetch(
          std::move(keys), executor_->info().kv_block_bytes,
          [hub = setting_.hub, model = id_, request = sequence.control->request](auto blocks) {
            hub->inbox.post(Fetched{model, request, std::move(blocks)});
          });
      return;
    }
  }
  sequence.stage = Sequence::Stage::running;
  if (sequence.reused >= 0) return;  // it comes back after it was sent away
  sequence.reused = sequence.lease.tokens;
  setting_.hub->metrics.prompt_tokens_reused += sequence.reused;
  if (const SamplerSettings& sampler = sequence.request.sampler; sampler.dry_multiplier > 0) {
    const auto text_of = [this](int32_t token) { return loaded_->model->tokenizer->token_bytes(token, false); };
    sequence.sampler.dry_breakers = breakers_.of(static_cast<size_t>(loaded_->model->spec.vocab), text_of, sampler.dry_breakers);
  }
  if (sequence.job) return;
  const GenerateRequest& request = sequence.request;
  if (request.constraint)
    sequence.matcher.emplace(request.constraint,
                             request.ignore_end_tokens ? std::vector<int32_t>() : loaded_->model->end_tokens,
                             static_cast<size_t>(loaded_->model->spec.vocab));
  sequence.text.emplace(loaded_->model->tokenizer, sequence.tokens, std::move(sequence.request.stop),
                        sequence.request.ignore_end_tokens ? std::vector<std::string>() : end_texts());
}

void Resident::fetched(Fetched fetched) {
  for (const SequencePtr& sequence : active_) {
    if (sequence->control->request != fetched.request || sequence->stage != Sequence::Stage::fetching)
      continue;
    cache_.adopt(sequence->lease, sequence->tokens, fetched.blocks);
    start(*sequence);
  }
}

// ---- one step ----

bool Resident::plan(uint64_t number) {
  runnables_.clear();
  runnable_sequences_.clear();
  for (const SequencePtr& sequence : active_) {
    Sequence& s = *sequence;
    if (s.stage != Sequence::Stage::running || (s.job && !s.job->wants_rows())) continue;
    if (!s.job && s.size() >= loaded_->context && s.generated() == 0) {
      end(s, FinishReason::length);  // the prompt fills the context
      continue;
    }
    const int64_t pending =
        s.job && s.lease.tokens < s.rows_done ? s.rows_done - s.lease.tokens : s.pending();
    runnables_.push_back({.pending = pending,
                          .decoding = !s.job && s.generated() > 0 && pending == 1,
                          .wants_all_rows = s.job && s.lease.tokens >= s.rows_done,
                          .priority = s.request.priority,
                          .last_served = s.last_served});
    runnable_sequences_.push_back(&s);
  }
  StepLimits limits = setting_.limits;
  limits.step = number;
  plan_step(runnables_, limits, planned_);
  work_.clear();
  for (const Planned& planned : planned_) {
    Sequence& sequence = *runnable_sequences_[planned.index];
    sequence.last_served = number;
    work_.push_back({&sequence, planned.tokens, runnables_[planned.index].decoding});
  }
  return !work_.empty();
}

// A lone reply may run ahead of itself: its last token and what is likely to follow, verified in one step.
void Resident::draft() {
  drafted_.clear();
  draft_length_ = 0;
  if (!setting_.speculation || work_.size() != 1 || !work_[0].decoding) return;
  Sequence& sequence = *work_[0].sequence;
  const int64_t still_asked =
      sequence.request.max_tokens > 0 ? sequence.request.max_tokens - sequence.generated() : INT64_MAX;
  const int64_t most =
      std::min({int64_t{DraftPolicy::lengths.back()}, loaded_->context - sequence.size() - 1, still_asked - 1,
                setting_.limits.max_logit_rows - 1, setting_.limits.max_batch_tokens - 1});
  if (most <= 0) return;
  auto guess = sequence.ngrams.draft(sequence.tokens, static_cast<size_t>(most));
  if (sequence.matcher) guess = guess.first(sequence.matcher->fitting(guess));
  if (guess.empty()) return;
  const int length = draft_policy_.choose_length();
  guess = guess.first(std::min(guess.size(), static_cast<size_t>(length)));
  const int64_t until = sequence.size() + static_cast<int64_t>(guess.size());
  if (guess.empty() || !cache_.grow(sequence.lease, until)) return;
  draft_length_ = length;
  drafted_.push_back(sequence.tokens.back());
  drafted_.insert(drafted_.end(), guess.begin(), guess.end());
  setting_.hub->metrics.tokens_drafted += static_cast<int64_t>(guess.size());
}

// Every sequence of the step gets blocks for its tokens. Where the memory does not do for all, the last in
// standing goes back to the queue; what it computed stays in the store until somebody needs the space, and
// its words do not change.
void Resident::make_room() {
  for (size_t i = 0; i < work_.size(); ++i) {
    Sequence& needy = *work_[i].sequence;
    while (needy.stage == Sequence::Stage::running &&
           !cache_.grow(needy.lease, needy.lease.tokens + work_[i].tokens)) {
      if (active() == 1)
        fail(needy, {ErrorCode::out_of_memory, "the KV memory of " + std::to_string(cache_.blocks_total()) +
                                                   " blocks is too small for this request"});
      else
        preempt(*worst_holder_or(&needy));
    }
  }
  std::erase_if(work_, [](const Work& work) { return work.sequence->stage != Sequence::Stage::running; });
  for (SequencePtr& sequence : active_)
    if (sequence->stage == Sequence::Stage::waiting) waiting_.push_back(std::move(sequence));
  std::erase(active_, nullptr);
}

Sequence* Resident::worst_holder_or(Sequence* needy) {
  Sequence* worst = nullptr;
  for (const SequencePtr& sequence : active_) {
    if (sequence->stage != Sequence::Stage::running || sequence->lease.blocks.empty()) continue;
    if (!worst || standing(*sequence) > standing(*worst)) worst = sequence.get();
  }
  return worst ? worst : needy;
}

void Resident::preempt(Sequence& victim) {
  cache_.release(victim.lease, victim.tokens);
  victim.stage = Sequence::Stage::waiting;
  memory_is_short_ = true;
}

Status Resident::compute() {
  slices_.clear();
  controls_.clear();
  for (const auto& [sequence, n, decoding] : work_) {
    if (!drafted_.empty()) {
      slices_.push_back({drafted_, sequence->lease.tokens, sequence->lease.blocks, compute::LogitRows::all, ranks_of(*sequence)});
      controls_.push_back(sequence->control);
      break;
    }
    const auto begin = static_cast<size_t>(sequence->lease.tokens);
    slices_.push_back({.tokens = std::span(sequence->tokens).subspan(begin, static_cast<size_t>(n)),
                       .start = sequence->lease.tokens,
                       .blocks = sequence->lease.blocks,
                       .logits = rows_of(*sequence, n),
                       .ranked = ranks_of(*sequence)});
    controls_.push_back(sequence->control);
  }
  if (slices_.empty()) return {};
  const std::atomic<bool>* abandon = setting_.hub->controls.begin_step(controls_);
  Status status = executor_->forward(slices_, abandon);
  setting_.hub->controls.end_step();
  return status;
}

// 0: whole rows of logits are needed.
int Resident::ranks_of(const Sequence& sequence) const {
  const GenerateRequest& request = sequence.request;
  const int needed = sequence.job || sequence.matcher ? 0 : Sampler::ranks_needed(request.sampler);
  const int asked = std::max(needed, request.top_logprobs);
  return needed > 0 && asked <= executor_->most_ranked() && asked < loaded_->model->spec.vocab ? asked : 0;
}

compute::LogitRows Resident::rows_of(const Sequence& sequence, int64_t tokens) const {
  if (sequence.job)
    return sequence.lease.tokens >= sequence.rows_done ? compute::LogitRows::all : compute::LogitRows::none;
  return tokens == sequence.pending() ? compute::LogitRows::last : compute::LogitRows::none;
}

void Resident::account(int64_t generated) {
  if (work_.empty()) return;
  peak_.worked();
  int64_t prefilled = 0;
  for (const Work& work : work_) prefilled += work.decoding ? 0 : work.tokens;
  const compute::StepStats& stats = executor_->last_step();
  MetricsCells& metrics = setting_.hub->metrics;
  if (prefilled > 0) {  // a mixed step counts as reading: it is as long as that makes it
    prefill_rate_.add(static_cast<double>(prefilled), stats.seconds);
    metrics.prefill_tokens_per_second = prefill_rate_.per_second();
    metrics.prompt_tokens_read += prefilled;
  } else {
    decode_rate_.add(static_cast<double>(generated), stats.seconds);
    if (work_.size() == 1) draft_policy_.tell(draft_length_, static_cast<int>(generated), stats.seconds);
    decode_bytes_.add(static_cast<double>(stats.bytes_read) / 1e9, stats.seconds);
    metrics.decode_tokens_per_second = decode_rate_.per_second();
    metrics.decode_gb_per_second = decode_bytes_.per_second();
    metrics.peak_read_gb_per_second = peak_.gb_per_second();
  }
  metrics.batch = static_cast<int64_t>(work_.size());
  metrics.workers = stats.workers;
  const double now = monotonic_seconds();
  if (busy_.look(executor_->busy_seconds(), now, stats.seconds)) metrics.set_shard_busy(busy_.shares(), now);
}

// ---- going out ----

void Resident::end(Sequence& sequence, FinishReason reason) {
  if (sequence.stage == Sequence::Stage::ended) return;
  const bool was_queued = sequence.reused < 0 && sequence.stage == Sequence::Stage::waiting;
  if (was_queued) --setting_.hub->metrics.queued_requests;
  sequence.stage = Sequence::Stage::ended;
  cache_.release(sequence.lease, sequence.tokens);
  memory_is_short_ = false;
  setting_.hub->controls.remove(*sequence.control);
  if (sequence.job) {
    sequence.job->finish(reason == FinishReason::cancelled ? Status(Error{ErrorCode::cancelled, "cancelled"})
                                                           : Status());
    return;
  }
  Event event = sequence.event(Event::Kind::text);
  if (sequence.text && !sequence.text->stopped())
    if (const std::string rest = sequence.text->finish(); !rest.empty())
      sequence.channel->push_with_text(event, rest);
  const double now = monotonic_seconds();
  const double first = sequence.first_token_seconds > 0 ? sequence.first_token_seconds : now;
  event.kind = Event::Kind::finished;
  event.reason = reason;
  event.tokens = sequence.generated();
  event.prompt = {sequence.prompt_tokens, std::max<int64_t>(sequence.reused, 0),
                  sequence.started_seconds > 0 ? first - sequence.started_seconds : 0};
  event.decode = {sequence.generated(), now - first};
  sequence.channel->push(event);
}

void Resident::fail(Sequence& sequence, Error error) {
  if (sequence.stage == Sequence::Stage::ended) return;
  if (sequence.job)
    sequence.job->finish(std::move(error));
  else
    sequence.channel->put_error(sequence.control->request, std::move(error));
  end(sequence, FinishReason::error);
}

void Resident::fail_all(const Error& error) {
  for (auto* list : {&waiting_, &active_})
    for (const SequencePtr& sequence : *list) fail(*sequence, error);
}

void Resident::lose(const Error& error) {
  auto changed = std::make_shared<Engine::LoadedModel>(*loaded_);
  changed->lost = error;
  loaded_ = std::move(changed);
  fail_all(error);
}

bool Resident::remove_ended() {
  size_t removed = 0;
  for (auto* list : {&waiting_, &active_})
    removed += std::erase_if(
        *list, [](const SequencePtr& sequence) { return sequence->stage == Sequence::Stage::ended; });
  return removed > 0;
}

void Resident::keep_workers_hot() {
  const bool busy = !active_.empty();
  if (busy != hot_) executor_->set_hot(busy);
  hot_ = busy;
}

}  // namespace fabula::engine
