// Changes of the tree that ask nothing of the model: edits, a page edited in place, rolling back, deleting for good.
#include "core/base/clock.h"
#include "core/session/host_impl.h"

namespace fabula::session {

namespace {

// Words typed within this time of the last ones are the same step of undo.
constexpr double typing_pause_seconds = 2;

}  // namespace

Status HostService::Impl::edit(const std::string& session, const std::string& message, const std::string& text) {
  FABULA_ASSIGN(const SessionView view, store->view(session));
  FABULA_ASSIGN(const std::shared_ptr<const Message> old, store->message(session, message));
  if (old->text == text) return {};
  Message edited;
  edited.id = make_uuid_v7();
  edited.parent = old->parent;
  edited.role = old->role;
  edited.text = text;
  edited.created_at = unix_milliseconds();
  // Without a model the words are kept, and tokenised when a model reads them.
  if (const auto loaded = ready_model(view.info.mode); loaded.ok() && !text.empty()) {
    const text::Tokenizer& tokenizer = *(*loaded)->model->tokenizer;
    const bool at_start = view.info.mode == Mode::story && old->parent.empty();
    edited.tokens = encode_edited(tokenizer, text, *old, at_start);
    edited.tokenizer = edited.tokens.empty() ? "" : tokenizer.fingerprint();
  }
  return store->append(session, edited);
}

Result<bool> HostService::Impl::edit_page(const std::string& session, const std::string& current,
                                      const std::vector<PageEdit>& edits) {
  FABULA_ASSIGN(const SessionView view, store->view(session));
  if (view.info.mode != Mode::story)
    return Error{ErrorCode::invalid_argument, "only a story is edited as one page"};
  if (view.current != current) return Error{ErrorCode::invalid_argument, "the page has changed meanwhile"};
  const auto loaded = ready_model(view.info.mode);
  const text::Tokenizer* tokenizer = loaded.ok() ? (*loaded)->model->tokenizer.get() : nullptr;
  const auto encode = [tokenizer](std::string_view text, const Message* old, bool at_start) {
    return tokenizer ? encode_edited(*tokenizer, text, old ? *old : Message(), at_start) : std::vector<int32_t>();
  };
  FABULA_ASSIGN(const PageRevision revision, revise_page(view.path, edits, encode, tokenizer ? tokenizer->fingerprint() : "",
                                                         unix_milliseconds()));
  if (!revision.added.empty() || revision.current != view.current) FABULA_TRY(check_idle(session));
  const double now = monotonic_seconds();
  const auto before = page_edited_at.find(session);
  const bool grow = before != page_edited_at.end() && now - before->second < typing_pause_seconds;
  auto made = store->revise(session, revision, grow);
  page_edited_at[session] = now;
  return made;
}

// The words go first; the KV files follow, and the search index step by step, before the answer does.
void HostService::Impl::purge(const std::string& session, const Promise<void>& answer) {
  stop_now(session);
  std::vector<engine::Engine::ReadText> texts;
  if (const auto versions = store->all_versions(session); versions.ok()) {
    std::unordered_map<std::string, const Message*> by_id;
    for (const auto& message : *versions) by_id.emplace(message->id, message.get());
    const FindMessage find = [&](const std::string& id) {
      const auto found = by_id.find(id);
      return found == by_id.end() ? nullptr : found->second;
    };
    for (const auto& message : *versions) {
      if (!message->receipt) continue;
      auto read = prompt_of(*message->receipt, find);
      if (!read.ok()) continue;  // of a damaged or imported receipt: nothing says what was read
      read->insert(read->end(), message->tokens.begin(), message->tokens.end());
      texts.push_back({message->receipt->model_fingerprint, message->receipt->numerics_id, *std::move(read)});
    }
  }
  open_views.erase(session);
  snapshots.set_view(session, nullptr);
  const Status purged = store->purge(session);
  publish_sessions();
  if (!purged.ok()) return answer->set_value(purged);
  auto purge = std::make_shared<Purge>(answer);
  purges.push_back(purge);
  engine.forget(texts, [purge] { purge->end_part({}); });
}

// true: there is more to do.
bool HostService::Impl::tidy() {
  const Result<bool> more = store->tidy();
  if (more.ok() && *more) return true;
  for (const auto& purge : std::exchange(purges, {})) purge->end_part(more.ok() ? Status() : Status(more.error()));
  return false;
}

Status HostService::Impl::rollback_last_exchange(const std::string& session) {
  FABULA_ASSIGN(const SessionView view, store->view(session));
  if (view.path.empty()) return nothing_there();
  size_t keep = view.path.size();
  if (view.info.mode == Mode::chat) {
    while (keep > 0 && view.path[keep - 1]->role != Role::user) --keep;
    keep = keep > 0 ? keep - 1 : 0;
  } else {
    // The last part of the page, with the words that it was asked for with.
    --keep;
    if (is_reply(*view.path.back()) && keep > 0 && view.path[keep - 1]->role == Role::user) --keep;
  }
  return store->set_current(session, keep > 0 ? view.path[keep - 1]->id : "");
}

}  // namespace fabula::session
