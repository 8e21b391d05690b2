// The resident's part in what a step gave: rows of logits become tokens, drafts that hold, events, results of evaluations.
#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "core/engine/resident.h"

namespace fabula::engine {

void Resident::take_results() {
  int64_t row = 0;
  if (!drafted_.empty() && !work_.empty()) return take_drafts(*work_[0].sequence);
  draws_.clear();
  for (const auto& [sequence, n, decoding] : work_) {
    const compute::LogitRows wanted = rows_of(*sequence, n);
    const int64_t n_rows = wanted == compute::LogitRows::all ? n : wanted == compute::LogitRows::last ? 1 : 0;
    const int64_t begin = sequence->lease.tokens;
    cache_.advance(sequence->lease, sequence->tokens, begin + n);
    if (sequence->job && n_rows > 0) take_logits(*sequence, begin, n_rows, row);
    if (!sequence->job && n_rows > 0) want_token(*sequence, row);
    if (!sequence->job && n_rows == 0) {
      Event event = sequence->event(Event::Kind::prompt_progress);
      event.tokens = sequence->lease.tokens;
      sequence->channel->push(event);
    }
    row += n_rows;
  }
  take_tokens();
}

// Row r follows drafted_[r]: as long as the word drawn from it is the next guess, the next row holds, too.
// Only positions of tokens that stand are marked as computed, so that nothing of a wrong guess is ever filed.
void Resident::take_drafts(Sequence& sequence) {
  const int64_t begin = sequence.lease.tokens;
  for (size_t r = 0; r < drafted_.size(); ++r) {
    cache_.advance(sequence.lease, sequence.tokens, begin + static_cast<int64_t>(r) + 1);
    const int64_t size = sequence.size();
    draws_.clear();
    want_token(sequence, static_cast<int64_t>(r));
    take_tokens();
    if (sequence.stage != Sequence::Stage::running || sequence.size() == size) return;
    if (r + 1 == drafted_.size() || sequence.tokens.back() != drafted_[r + 1]) return;
    ++setting_.hub->metrics.drafts_accepted;
  }
}

void Resident::take_logits(Sequence& sequence, int64_t begin, int64_t n, int64_t row) {
  sequence.job->put(begin, n, logits_of(row), static_cast<size_t>(n * loaded_->model->spec.vocab));
  sequence.rows_done = begin + n;
  if (sequence.rows_done == sequence.size()) end(sequence, FinishReason::length);
}

Status Resident::follow_begun(Sequence& sequence) {
  const auto begun = std::clamp<int64_t>(sequence.request.begun, 0, sequence.size());
  for (const int32_t token : std::span(sequence.tokens).last(static_cast<size_t>(begun)))
    if (!sequence.matcher->advance(token).ok())
      return Error{ErrorCode::invalid_argument, "what the reply begins with does not fit what it must look like"};
  return {};
}

// A token is to be drawn from a row; where nothing may follow, the reply ends instead.
void Resident::want_token(Sequence& sequence, int64_t row) {
  if (sequence.control->cancelled) return;  // no word after a stop
  std::span<const uint64_t> allowed;
  if (sequence.matcher) {
    if (sequence.generated() == 0)
      if (const Status status = follow_begun(sequence); !status.ok()) return fail(sequence, status.error());
    const grammar::TokenMask& mask = sequence.matcher->allowed();
    if (mask.empty() && sequence.matcher->may_end()) return end(sequence, FinishReason::stop);
    if (mask.empty())
      return fail(sequence, {ErrorCode::unsupported, "the model's vocabulary cannot write what the reply must look like here"});
    allowed = mask.words();
  }
  draws_.add(sequence, row, ranks_of(sequence), allowed);
}

void Resident::take_tokens() {
  for (TokenDraws::Draw& draw : draws_.make()) take_token(draw);
}

void Resident::take_token(TokenDraws::Draw& draw) {
  Sequence& sequence = *draw.sequence;
  if (!draw.status.ok()) return fail(sequence, draw.status.error());
  if (sequence.matcher)
    if (const Status status = sequence.matcher->advance(draw.choice.token); !status.ok())
      return fail(sequence, status.error());
  if (sequence.request.top_logprobs > 0)
    sequence.channel->put_alternatives(sequence.control->request, sequence.generated(), std::move(draw.alternatives));
  if (sequence.generated() == 0) sequence.first_token_seconds = monotonic_seconds();
  sequence.tokens.push_back(draw.choice.token);
  ++setting_.hub->metrics.tokens_generated;
  emit_token(sequence, draw.choice);
}

void Resident::emit_token(Sequence& sequence, const Choice& choice) {
  const GenerateRequest& request = sequence.request;
  const bool at_end = !request.ignore_end_tokens && is_end_token(choice.token);
  Event event = sequence.event(Event::Kind::token);
  event.token = choice.token;
  event.logprob = choice.logprob;
  event.tokens = sequence.generated();
  sequence.channel->push_with_text(event, at_end ? std::string() : sequence.text->push(choice.token));
  if (at_end || sequence.text->stopped()) return end(sequence, FinishReason::stop);
  const bool all_asked_for = request.max_tokens > 0 && sequence.generated() >= request.max_tokens;
  if (all_asked_for || sequence.size() >= loaded_->context) end(sequence, FinishReason::length);
}

std::vector<std::string> Resident::end_texts() const {
  std::vector<std::string> texts;
  for (int32_t token : loaded_->model->end_tokens) texts.emplace_back(loaded_->model->tokenizer->token_text_or_empty(token));
  return texts;
}

bool Resident::is_end_token(int32_t token) const {
  return std::ranges::find(loaded_->model->end_tokens, token) != loaded_->model->end_tokens.end();
}

}  // namespace fabula::engine
