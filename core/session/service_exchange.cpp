// Sessions that go out and come in. What takes long (reading and writing documents) is done on a thread of its own, what the store
// has to do is done in steps: a stop, or anything else, is answered in between.
#include <nlohmann/json.hpp>

#include "core/session/host_impl.h"
#include "core/session/service_replay.h"

namespace fabula::session {

namespace {

Result<Json> parse_export(const std::string& document) {
  JsonLimits limits;
  limits.refuse_duplicate_keys = true;
  return parse_json(document, "the exported session", limits);
}

Result<std::vector<Document>> read_one(const std::string& text) {
  FABULA_ASSIGN(const Json value, parse_export(text));
  FABULA_ASSIGN(Document document, document_from_json(value));
  std::vector<Document> one;
  one.push_back(std::move(document));
  return one;
}

Result<std::vector<Document>> read_all(const std::string& text) {
  FABULA_ASSIGN(const Json value, parse_export(text));
  return documents_from_json(value);
}

}  // namespace

// ---- out

Result<Document> HostService::Impl::document_of(const std::string& session) {
  auto document = store->document(session);
  if (!open_views.contains(session) && !running_or_null(session)) store->forget(session);  // read for this alone
  return document;
}

void HostService::Impl::export_session(const std::string& session, const Promise<OrderedJson>& answer) {
  auto document = document_of(session);
  if (!document.ok()) return answer->set_value(document.error());
  away<OrderedJson>([document = *std::move(document)] { return document_to_json(document); }, answer);
}

void HostService::Impl::export_markdown(const std::string& session, const Promise<std::string>& answer) {
  auto document = document_of(session);
  if (!document.ok()) return answer->set_value(document.error());
  away<std::string>([document = *std::move(document)] { return document_to_markdown(document); }, answer);
}

void HostService::Impl::export_all(const Promise<OrderedJson>& answer) {
  std::vector<std::string> sessions;
  for (const SessionInfo& info : store->list()) sessions.push_back(info.id);
  gather(std::make_shared<Gathering>(Gathering{std::move(sessions), {}, answer}));
}

// One session, then whatever else has been asked for meanwhile, then the next one.
void HostService::Impl::gather(const std::shared_ptr<Gathering>& gathering) {
  const size_t at = gathering->documents.size();
  if (at == gathering->sessions.size()) {
    return away<OrderedJson>([gathering] { return documents_to_json(gathering->documents); }, gathering->answer);
  }
  auto document = document_of(gathering->sessions[at]);
  if (document.ok())
    gathering->documents.push_back(*std::move(document));
  else if (document.error().code == ErrorCode::not_found)  // deleted for good meanwhile
    gathering->sessions.erase(gathering->sessions.begin() + static_cast<std::ptrdiff_t>(at));
  else
    return gathering->answer->set_value(document.error());
  post([this, gathering] { gather(gathering); });
}

// ---- in

void HostService::Impl::import_session(std::string text, const Promise<std::string>& answer) {
  read_import([text = std::move(text)] { return read_one(text); }, [answer](Result<std::vector<std::string>> ids) {
    answer->set_value(ids.ok() ? Result<std::string>(ids->front()) : Result<std::string>(ids.error()));
  });
}

void HostService::Impl::import_all(std::string text, const Promise<std::vector<std::string>>& answer) {
  read_import([text = std::move(text)] { return read_all(text); },
              [answer](Result<std::vector<std::string>> ids) { answer->set_value(std::move(ids)); });
}

void HostService::Impl::read_import(std::function<Result<std::vector<Document>>()> read, Import::Done done) {
  calls->run([this, read = std::move(read), done = std::move(done)](const std::atomic<bool>&) {
    auto documents = std::make_shared<Result<std::vector<Document>>>(read());
    post([this, documents, done] {
      if (documents->ok())
        imports.push_back({**std::move(documents), done});
      else
        done(documents->error());
    });
  });
}

// A step of the oldest import. true: there is more to do.
bool HostService::Impl::go_on_with_imports() {
  if (imports.empty()) return false;
  Import& import = imports.front();
  Status begun;
  if (!std::exchange(import.begun, true)) begun = store->begin_import(std::move(import.documents));
  auto ids = begun.ok() ? store->import_step() : Result<std::optional<std::vector<std::string>>>(begun.error());
  if (ids.ok() && !*ids) return true;
  const Import::Done done = std::move(import.done);
  imports.pop_front();
  publish_sessions();
  done(ids.ok() ? Result<std::vector<std::string>>(**std::move(ids)) : Result<std::vector<std::string>>(ids.error()));
  return true;
}

void HostService::Impl::replay_document(std::string text, const Promise<ReplayReport>& answer) {
  calls->run([this, text = std::move(text), answer](const std::atomic<bool>&) {
    auto documents = std::make_shared<Result<std::vector<Document>>>(read_one(text));
    post([this, documents, answer] {
      if (!documents->ok()) return answer->set_value(documents->error());
      begin_replay(std::move((*documents)->front().messages), answer);
    });
  });
}

}  // namespace fabula::session
