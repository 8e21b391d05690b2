#include "core/session/service_replay.h"

#include <algorithm>
#include "core/session/reply_rules.h"

namespace fabula::session {

namespace {

using Outcome = ReplayReport::Outcome;

struct Part {
  size_t begin, end;  // tokens of the reply
  uint64_t seed;
  const engine::SamplerSettings* sampler;
};

// Parts of a damaged document may reach beyond the tokens; they come out empty.
Part part_of(const Message& reply, size_t index) {
  const Receipt& receipt = *reply.receipt;
  const auto at = [&](size_t i) {
    if (i == 0) return std::min(static_cast<size_t>(std::max<int64_t>(receipt.given, 0)), reply.tokens.size());
    if (i > receipt.continuations.size()) return reply.tokens.size();
    return std::min(static_cast<size_t>(std::max<int64_t>(receipt.continuations[i - 1].at, 0)),
                    reply.tokens.size());
  };
  const size_t begin = at(index), end = std::max(begin, at(index + 1));
  if (index == 0) return {begin, end, receipt.seed, &receipt.sampler};
  return {begin, end, receipt.continuations[index - 1].seed, &receipt.continuations[index - 1].sampler};
}

}  // namespace

void HostService::Impl::begin_replay(std::vector<std::shared_ptr<const Message>> messages,
                                 Promise<ReplayReport> answer) {
  if (replay) return answer->set_value(Error{ErrorCode::busy, "another session is being replayed"});
  replay = std::make_unique<Replay>();
  replay->messages = std::move(messages);
  replay->answer = std::move(answer);
  for (const auto& message : replay->messages) replay->by_id[message->id] = message.get();
  replay_next();
}

// Goes on to the next reply that can be written again; answers when there is none left.
void HostService::Impl::replay_next() {
  while (replay->next < replay->messages.size()) {
    const Message& message = *replay->messages[replay->next++];
    if (message.role != Role::assistant) continue;
    replay->reply = &message;
    replay->got.clear();
    replay->part = 0;
    if (!message.stats.remote.empty()) {
      end_replay_reply(Outcome::skipped, "a model elsewhere wrote it (" + message.stats.remote + "), and does not promise the same words again");
      continue;
    }
    if (!message.receipt) {
      end_replay_reply(Outcome::skipped, "it was not written by a model, or it was edited");
      continue;
    }
    if (message.tokens.empty()) {
      end_replay_reply(Outcome::skipped, "it has no words");
      continue;
    }
    const auto fits = [&](const auto& entry) {
      const auto loaded = engine.loaded_or_null(entry.first);
      return loaded && loaded->model->info.fingerprint == message.receipt->model_fingerprint &&
             loaded->executor.numerics_id == message.receipt->numerics_id;
    };
    const auto model = std::find_if(loaded_models.begin(), loaded_models.end(), fits);
    if (model == loaded_models.end()) {
      end_replay_reply(Outcome::skipped, "the model and precision that wrote it are not loaded");
      continue;
    }
    replay->model = model->first;
    auto prompt = prompt_of(*message.receipt, [this](const std::string& id) -> const Message* {
      const auto found = replay->by_id.find(id);
      return found == replay->by_id.end() ? nullptr : found->second;
    });
    if (!prompt.ok()) {
      end_replay_reply(Outcome::skipped, prompt.error().message);
      continue;
    }
    replay->prompt = *std::move(prompt);
    const auto given = static_cast<std::ptrdiff_t>(part_of(message, 0).begin);
    replay->got.assign(message.tokens.begin(), message.tokens.begin() + given);
    if (given == static_cast<std::ptrdiff_t>(message.tokens.size())) {
      end_replay_reply(Outcome::equal, "");
      continue;
    }
    const Status submitted = submit_replay_part();
    if (submitted.ok()) return;
    end_replay_reply(Outcome::skipped, submitted.error().message);
  }
  const auto answer = replay->answer;
  ReplayReport report = std::move(replay->report);
  replay.reset();
  shown_changed = true;
  answer->set_value(std::move(report));
}

Status HostService::Impl::submit_replay_part() {
  const Message& reply = *replay->reply;
  while (replay->part < reply.receipt->continuations.size()) {
    const Part part = part_of(reply, replay->part);
    if (part.end > part.begin) break;
    ++replay->part;
  }
  const Part part = part_of(reply, replay->part);
  engine::GenerateRequest request;
  request.model = replay->model;
  request.prompt = replay->prompt;
  request.prompt.insert(request.prompt.end(), reply.tokens.begin(),
                        reply.tokens.begin() + static_cast<std::ptrdiff_t>(part.begin));
  request.sampler = *part.sampler;
  request.seed = part.seed;
  request.max_tokens = static_cast<int64_t>(part.end - part.begin);
  request.stop = reply.receipt->stop;
  FABULA_ASSIGN(request.constraint, constraint_of(reply.receipt->grammar, *engine.loaded_or_null(replay->model)->vocabulary));
  request.begun = static_cast<int64_t>(part.begin);
  FABULA_ASSIGN(replay->request, engine.submit(std::move(request), *consumer));
  return {};
}

bool HostService::Impl::on_replay_event(const engine::Event& event) {
  using Kind = engine::Event::Kind;
  if (!replay || event.request != replay->request) return false;
  if (event.kind == Kind::token) replay->got.push_back(event.token);
  if (event.kind != Kind::finished) return true;
  const Message& reply = *replay->reply;
  if (event.reason == engine::FinishReason::error || event.reason == engine::FinishReason::cancelled) {
    end_replay_reply(Outcome::skipped, event.reason == engine::FinishReason::error
                                           ? consumer->take_error(event.request).message
                                           : std::string("it was stopped"));
  } else {
    const Part part = part_of(reply, replay->part);
    const bool so_far_equal = replay->got.size() == part.end &&
                              std::equal(replay->got.begin(), replay->got.end(), reply.tokens.begin());
    if (so_far_equal && part.end < reply.tokens.size()) {
      ++replay->part;
      const Status submitted = submit_replay_part();
      if (submitted.ok()) return true;
      end_replay_reply(Outcome::skipped, submitted.error().message);
    } else {
      end_replay_reply(so_far_equal ? Outcome::equal : Outcome::different, "");
    }
  }
  replay_next();
  return true;
}

void HostService::Impl::end_replay_reply(Outcome outcome, std::string why) {
  ReplayReport::Reply entry;
  const std::vector<int32_t>& expected = replay->reply->tokens;
  entry.message = replay->reply->id;
  entry.outcome = outcome;
  entry.tokens = static_cast<int64_t>(expected.size());
  entry.why = std::move(why);
  ReplayReport& report = replay->report;
  ++(outcome == Outcome::equal       ? report.equal
     : outcome == Outcome::different ? report.different
                                     : report.skipped);
  if (outcome == Outcome::different) {
    const std::vector<int32_t>& got = replay->got;
    const auto [e, g] = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end());
    entry.first_difference = e - expected.begin();
    entry.expected = e == expected.end() ? -1 : *e;
    entry.got = g == got.end() ? -1 : *g;
  }
  report.replies.push_back(std::move(entry));
  replay->request = 0;
}

}  // namespace fabula::session
