// Replies that go on from tokens which are there already: a reply continued, and a branch from the middle of one.
#include <algorithm>

#include "core/base/clock.h"
#include "core/session/defaults.h"
#include "core/session/host_impl.h"

namespace fabula::session {

namespace {

// How a reply is taken up again: with the seed and settings that were in force at its end.
struct InForce {
  uint64_t seed;
  engine::SamplerSettings sampler;
};

InForce in_force(const Receipt& receipt) {
  if (receipt.continuations.empty()) return {receipt.seed, receipt.sampler};
  return {receipt.continuations.back().seed, receipt.continuations.back().sampler};
}

// Text that might have become a stop string was held back when the reply was cut: its tokens are written
// again (the same ones, for randomness goes by position), so that a stop string across the cut is still
// found.
size_t tokens_to_repeat(const Receipt& receipt) {
  size_t longest = 0;
  for (const std::string& stop : receipt.stop) longest = std::max(longest, stop.size());
  return longest;
}

}  // namespace

Status HostService::Impl::continue_message(const SessionView& view, const ReplyOptions& options,
                                       const Promise<Message>& answer) {
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  const model::Model& model = *loaded->model;
  const Message& old = *view.path.back();
  if (!old.receipt)
    return Error{ErrorCode::invalid_argument,
                 "this reply was not written by a model, so nothing says how it would go on: regenerate it"};
  if (old.receipt->model_fingerprint != model.info.fingerprint ||
      old.receipt->numerics_id != loaded->executor.numerics_id)
    return Error{ErrorCode::unsupported,
                 "this reply was begun by another model or precision: load that one to go on, or regenerate "
                 "the reply"};
  FABULA_ASSIGN(Start start, ([&]() -> Result<Start> {
                  Start made;
                  FABULA_ASSIGN(made.prompt, prompt_of(*old.receipt, finder(view.info.id)));
                  return made;
                }()));
  start.message = old;
  start.before = old;
  Message& reply = start.message;
  Receipt& receipt = *reply.receipt;
  if (options.rules && *options.rules != receipt.grammar)
    return Error{ErrorCode::invalid_argument, "this reply was begun under other rules: regenerate it to hold it to these"};
  const bool cut_short = was_cut_short(old);
  const bool at_end_token =
      !reply.tokens.empty() && std::find(model.end_tokens.begin(), model.end_tokens.end(),
                                         reply.tokens.back()) != model.end_tokens.end();
  if (at_end_token) reply.tokens.pop_back();
  if (cut_short) {
    const size_t drawn = reply.tokens.size() - std::min(reply.tokens.size(), static_cast<size_t>(receipt.given));
    reply.tokens.resize(reply.tokens.size() - std::min(drawn, tokens_to_repeat(receipt)));
  }

  // The same words that would have come; another seed only where one was asked for, or where the old one ends
  // the reply.
  const InForce old_force = in_force(receipt);
  InForce force = old_force;
  if (options.seed)
    force.seed = *options.seed;
  else if (at_end_token)
    force.seed = draw_seed();
  if (options.sampler) force.sampler = *options.sampler;
  const auto n_tokens = static_cast<int64_t>(reply.tokens.size());
  // Mirostat's controller begins anew with each request, so that the receipt has to say where.
  const bool new_controller = force.sampler.mirostat != 0 && n_tokens > 0;
  // A reply that ended by itself and goes on past that end: stop strings are looked for anew from there.
  const bool past_its_end = !cut_short && !receipt.stop.empty();
  if (force.seed != old_force.seed || !same_sampler(force.sampler, old_force.sampler) || new_controller ||
      past_its_end)
    receipt.continuations.push_back({n_tokens, force.seed, force.sampler});
  start.seed = force.seed;
  start.sampler = force.sampler;
  const int64_t left = receipt.max_tokens > 0 ? receipt.max_tokens - n_tokens : 0;
  const bool use_what_is_left = cut_short && !options.max_tokens && (receipt.max_tokens <= 0 || left > 0);
  start.max_tokens = use_what_is_left ? left : options.max_tokens.value_or(view.settings.max_tokens);
  receipt.max_tokens = start.max_tokens > 0 ? n_tokens + start.max_tokens : 0;

  reply.text = decode_continuing(model.tokenizer, start.prompt, reply.tokens);
  start.prompt.insert(start.prompt.end(), reply.tokens.begin(), reply.tokens.end());
  FABULA_ASSIGN(const bool is_followed, store->has_followers(view.info.id, old.id));
  if (is_followed) {
    // What was said after it was said to the shorter reply: the longer one becomes an alternative.
    reply.id = make_uuid_v7();
    reply.created_at = unix_milliseconds();
    start.before.reset();
  }
  return this->start(view, std::move(start), answer);
}

// The kept ids and the chosen one are the reply's own, but nobody drew them: the receipt counts them as given.
Status HostService::Impl::begin_branch(const std::string& session, const std::string& message, int64_t keep,
                                       int32_t token, const ReplyOptions& options,
                                       const Promise<Message>& answer) {
  FABULA_TRY(check_idle(session));
  FABULA_ASSIGN(const SessionView view, store->view(session));
  FABULA_ASSIGN(const std::shared_ptr<const Message> old, store->message(session, message));
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  const model::Model& model = *loaded->model;
  if (!is_reply(*old) || old->tokens.empty())
    return Error{ErrorCode::invalid_argument, "only a model's reply has other words to choose from"};
  if (old->tokenizer != model.tokenizer->fingerprint())
    return Error{ErrorCode::unsupported, "this reply was written by a model with another tokenizer: load that one first"};
  if (keep < 0 || keep > static_cast<int64_t>(old->tokens.size()) || token < 0 ||
      token >= model.tokenizer->vocab_size())
    return Error{ErrorCode::invalid_argument, "this reply has no such place, or the model no such token"};
  MessagePath path;
  for (std::string id = old->parent; !id.empty(); id = path.back()->parent) {
    FABULA_ASSIGN(auto above, store->message(session, id));
    path.push_back(std::move(above));
  }
  std::reverse(path.begin(), path.end());
  // What the model read then, where it is known: a system prompt that changed since does not change it.
  std::vector<int32_t> prompt;
  if (auto known = old->receipt ? prompt_of(*old->receipt, finder(session)) : std::vector<int32_t>(); known.ok())
    prompt = *std::move(known);
  if (prompt.empty()) {
    FABULA_ASSIGN(Context context, context_of(*loaded, view, path));
    prompt = std::move(context.tokens);
  }
  FABULA_ASSIGN(Start start, new_reply(view, path, std::move(prompt), options));
  Message& reply = start.message;
  reply.tokens.assign(old->tokens.begin(), old->tokens.begin() + static_cast<std::ptrdiff_t>(keep));
  reply.tokens.push_back(token);
  reply.receipt->given = keep + 1;
  reply.alternatives = old->alternatives;  // up to the chosen place they are the same ones
  reply.alternatives.resize(std::min(reply.alternatives.size(), reply.tokens.size()));
  if (start.max_tokens > 0) reply.receipt->max_tokens = keep + 1 + start.max_tokens;
  reply.text = decode_continuing(model.tokenizer, start.prompt, reply.tokens);
  Status done;
  if (std::find(model.end_tokens.begin(), model.end_tokens.end(), token) != model.end_tokens.end()) {
    reply.finish_reason = "stop";  // the chosen token ends the reply
    FABULA_TRY(store->append(session, reply));
    answer->set_value(reply);
  } else {
    start.prompt.insert(start.prompt.end(), reply.tokens.begin(), reply.tokens.end());
    done = this->start(view, std::move(start), answer);
  }
  publish(session);
  return done;
}

}  // namespace fabula::session
