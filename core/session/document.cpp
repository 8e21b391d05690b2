#include "core/session/document.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "core/base/clock.h"
#include "core/session/json_fields.h"
#include "core/session/object_reader.h"

namespace fabula::session {

namespace {

constexpr const char* format_name = "fabula.session";
constexpr const char* many_format_name = "fabula.sessions";
constexpr int64_t format_version = 1;

OrderedJson text_or_null(const std::string& text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

OrderedJson message_to_json(const Message& message) {
  OrderedJson out = OrderedJson::object();
  out["id"] = message.id;
  out["parent"] = text_or_null(message.parent);
  out["role"] = role_name(message.role);
  out["content"] = message.text;
  out["tokens"] = message.tokens;
  out["tokenizer"] = text_or_null(message.tokenizer);
  out["created_at"] = format_rfc3339(message.created_at);
  out["finish_reason"] = text_or_null(message.finish_reason);
  out["receipt"] = message.receipt ? receipt_to_json(*message.receipt) : OrderedJson(nullptr);
  out["stats"] = message.receipt || !message.stats.remote.empty() ? stats_to_json(message.stats) : OrderedJson(nullptr);
  if (!message.alternatives.empty()) out["alternatives"] = alternatives_to_json(message.alternatives);
  return out;
}

int64_t read_time(ObjectReader& reader, const char* name) {
  const int64_t time = parse_rfc3339_or_negative(reader.text(name));
  if (time < 0) reader.fail(name, "a time like 2025-03-14T15:09:26.535Z was expected");
  return time;
}

std::string read_id(ObjectReader& reader, const char* name) {
  std::string id = reader.text(name);
  if (!is_uuid(id)) reader.fail(name, "a UUID was expected");
  return id;
}

Mode read_mode(ObjectReader& reader) {
  const auto mode = mode_or_none(reader.text("mode"));
  if (!mode) reader.fail("mode", "\"chat\" or \"story\" was expected");
  return mode.value_or(Mode::chat);
}

Status read_session(const Json& value, Document& out) {
  ObjectReader reader(value, "session");
  out.info.id = read_id(reader, "id");
  out.info.title = reader.text_or_empty("title");
  out.info.title_is_manual = true;
  out.info.mode = read_mode(reader);
  out.info.created_at = read_time(reader, "created_at");
  out.info.updated_at = read_time(reader, "updated_at");
  if (const Json* model = reader.child_or_null("model")) {
    ObjectReader fields(*model, reader.path_of("model"));
    out.info.model_name = fields.text_or_empty("name");
    out.info.model_fingerprint = fields.text_or_empty("fingerprint");
    if (Status status = fields.finish(); !status.ok()) reader.keep(Result<int>(status.error()));
  }
  out.system = reader.text_or_empty("system");
  out.info.folder = reader.text_or_empty("folder");
  out.info.tags = reader.texts_or_empty("tags");
  if (const Json* settings = reader.child_or_null("settings"))
    out.settings = reader.keep(settings_from_json(*settings, reader.path_of("settings")));
  return reader.finish();
}

bool is_finish_reason(std::string_view reason) {
  for (const char* known : {"", "stop", "length", "cancelled", "error", "interrupted"})
    if (reason == known) return true;
  return false;
}

Result<Message> read_message(const Json& value, const std::string& where) {
  ObjectReader reader(value, where);
  Message out;
  out.id = read_id(reader, "id");
  out.parent = reader.text_or_empty("parent");
  const auto role = role_or_none(reader.text("role"));
  if (!role) reader.fail("role", "system, user, assistant or tool was expected");
  out.role = role.value_or(Role::user);
  out.text = reader.text("content");
  if (const Json* tokens = reader.child_or_null("tokens"))
    out.tokens = reader.keep(tokens_from_json(*tokens, reader.path_of("tokens")));
  out.tokenizer = reader.text_or_empty("tokenizer");
  if (out.tokenizer.empty() && !out.tokens.empty())
    reader.fail("tokenizer", "is missing, though there are tokens");
  out.created_at = read_time(reader, "created_at");
  out.finish_reason = reader.text_or_empty("finish_reason");
  if (out.finish_reason == "partial") out.finish_reason = "interrupted";
  if (!is_finish_reason(out.finish_reason)) reader.fail("finish_reason", "is none that Fabula knows");
  if (const Json* receipt = reader.child_or_null("receipt"))
    out.receipt = reader.keep(receipt_from_json(*receipt, reader.path_of("receipt")));
  if (const Json* stats = reader.child_or_null("stats"))
    out.stats = reader.keep(stats_from_json(*stats, reader.path_of("stats")));
  if (const Json* alternatives = reader.child_or_null("alternatives"))
    out.alternatives = reader.keep(alternatives_from_json(*alternatives, reader.path_of("alternatives")));
  FABULA_TRY(reader.finish());
  return out;
}

// Parents before children whatever the order in the document; what cannot be reached from a root is an error.
Result<std::vector<std::shared_ptr<const Message>>> parents_first(std::vector<Message> messages) {
  std::unordered_map<std::string, size_t> index_of;
  for (size_t i = 0; i < messages.size(); ++i)
    if (!index_of.emplace(messages[i].id, i).second)
      return Error{ErrorCode::corrupt, "messages: the id " + messages[i].id + " stands twice"};
  constexpr size_t no_parent = SIZE_MAX;
  std::vector<size_t> parent_of(messages.size(), no_parent);
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].parent.empty()) continue;
    const auto parent = index_of.find(messages[i].parent);
    if (parent == index_of.end())
      return Error{ErrorCode::corrupt, "messages[" + std::to_string(i) + "].parent: there is no message " +
                                           messages[i].parent.substr(0, 80)};
    parent_of[i] = parent->second;
  }
  std::vector<std::shared_ptr<const Message>> out;
  std::vector<bool> placed(messages.size(), false), waiting(messages.size(), false);
  std::vector<size_t> chain;
  for (size_t i = 0; i < messages.size(); ++i) {
    chain.clear();
    for (size_t at = i; at != no_parent && !placed[at]; at = parent_of[at]) {
      if (waiting[at])
        return Error{ErrorCode::corrupt, "messages: " + messages[at].id + " is its own ancestor"};
      waiting[at] = true;
      chain.push_back(at);
    }
    for (size_t k = chain.size(); k-- > 0;) {
      placed[chain[k]] = true;
      out.push_back(std::make_shared<const Message>(std::move(messages[chain[k]])));
    }
  }
  return out;
}

// A receipt builds on an earlier reply, so that following bases always ends.
Status check_receipts(const Document& document) {
  std::unordered_set<std::string_view> replies;
  for (const auto& message : document.messages) {
    if (!message->receipt) continue;
    const std::string& base = message->receipt->prompt_base;
    if (!base.empty() && !replies.contains(base))
      return Error{ErrorCode::corrupt,
                   "message " + message->id + ": the receipt builds on no earlier reply of this session"};
    replies.insert(message->id);
  }
  return {};
}

}  // namespace

bool same_message(const Message& a, const Message& b) { return message_to_json(a) == message_to_json(b); }

OrderedJson document_to_json(const Document& document) {
  OrderedJson session = OrderedJson::object();
  session["id"] = document.info.id;
  session["title"] = document.info.title;
  session["mode"] = mode_name(document.info.mode);
  session["created_at"] = format_rfc3339(document.info.created_at);
  session["updated_at"] = format_rfc3339(document.info.updated_at);
  session["model"] = OrderedJson::object();
  session["model"]["name"] = document.info.model_name;
  session["model"]["fingerprint"] = document.info.model_fingerprint;
  session["system"] = document.system;
  if (!document.info.folder.empty()) session["folder"] = document.info.folder;
  if (!document.info.tags.empty()) session["tags"] = document.info.tags;
  session["settings"] = settings_to_json(document.settings);
  OrderedJson messages = OrderedJson::array();
  for (const auto& message : document.messages) messages.push_back(message_to_json(*message));
  OrderedJson out = OrderedJson::object();
  out["format"] = format_name;
  out["version"] = format_version;
  out["session"] = std::move(session);
  out["messages"] = std::move(messages);
  out["current"] = text_or_null(document.current);
  return out;
}

Result<Document> document_from_json(const Json& value) {
  ObjectReader reader(value, "document");
  if (reader.text("format") != format_name) {
    FABULA_TRY(value.is_object() ? Status() : reader.finish());
    return Error{ErrorCode::unsupported,
                 "this is no session that Fabula exported (\"format\" is not \"fabula.session\")"};
  }
  if (reader.integer("version", 0, INT64_MAX) != format_version)
    return Error{ErrorCode::unsupported,
                 "this session was exported by another version of Fabula (\"version\" is not 1)"};
  const Json *session = reader.child("session"), *list = reader.child("messages");
  Document out;
  out.current = reader.text_or_empty("current");
  FABULA_TRY(reader.finish());
  FABULA_TRY(read_session(*session, out));
  if (!list->is_array()) return Error{ErrorCode::corrupt, "messages: a list was expected"};
  std::vector<Message> messages;
  for (size_t i = 0; i < list->size(); ++i) {
    FABULA_ASSIGN(Message message, read_message((*list)[i], "messages[" + std::to_string(i) + "]"));
    messages.push_back(std::move(message));
  }
  FABULA_ASSIGN(out.messages, parents_first(std::move(messages)));
  FABULA_TRY(check_receipts(out));
  const auto is_current = [&](const auto& message) { return message->id == out.current; };
  if (!out.current.empty() && std::none_of(out.messages.begin(), out.messages.end(), is_current))
    return Error{ErrorCode::corrupt, "current: there is no message " + out.current.substr(0, 80)};
  return out;
}

OrderedJson documents_to_json(const std::vector<Document>& documents) {
  OrderedJson sessions = OrderedJson::array();
  for (const Document& document : documents) sessions.push_back(document_to_json(document));
  OrderedJson out = OrderedJson::object();
  out["format"] = many_format_name;
  out["version"] = format_version;
  out["sessions"] = std::move(sessions);
  return out;
}

Result<std::vector<Document>> documents_from_json(const Json& value) {
  std::vector<Document> out;
  if (!value.is_object() || value.value("format", Json()) != many_format_name) {
    FABULA_ASSIGN(Document document, document_from_json(value));
    out.push_back(std::move(document));
    return out;
  }
  ObjectReader reader(value, "the document");
  reader.text("format");
  const int64_t version = reader.integer("version", 1, std::numeric_limits<int64_t>::max());
  const Json* sessions = reader.child("sessions");
  FABULA_TRY(reader.finish());
  if (version > format_version)
    return Error{ErrorCode::unsupported, "this export was written by a newer Fabula (version " + std::to_string(version) + ")"};
  if (!sessions->is_array()) return Error{ErrorCode::corrupt, "the document.sessions: a list was expected"};
  for (size_t i = 0; i < sessions->size(); ++i) {
    auto document = document_from_json((*sessions)[i]);
    if (!document.ok())
      return Error{document.error().code, "session " + std::to_string(i + 1) + ": " + document.error().message};
    out.push_back(*std::move(document));
  }
  return out;
}

std::string document_to_markdown(const Document& document) {
  std::unordered_map<std::string, const Message*> by_id;
  for (const auto& message : document.messages) by_id[message->id] = message.get();
  std::vector<const Message*> path;
  for (auto at = by_id.find(document.current); at != by_id.end(); at = by_id.find(at->second->parent))
    path.push_back(at->second);
  std::reverse(path.begin(), path.end());
  std::string out = "# " + document.info.title + "\n\n";
  const bool story = document.info.mode == Mode::story;
  if (!document.system.empty() && !story) out += "**System**\n\n" + document.system + "\n\n";
  for (const Message* message : path) {
    if (story) {
      out += message->text;
      continue;
    }
    std::string role = role_name(message->role);
    role[0] = static_cast<char>(role[0] - ('a' - 'A'));
    out += "**" + role + "**\n\n" + message->text + "\n\n";
  }
  if (story) out += "\n";
  return out;
}

void give_new_ids(Document& document) {
  std::unordered_map<std::string, std::string> fresh;
  for (const auto& message : document.messages) fresh[message->id] = make_uuid_v7();
  document.info.id = make_uuid_v7();
  for (auto& shared : document.messages) {
    Message message = *shared;
    message.id = fresh[message.id];
    if (!message.parent.empty()) message.parent = fresh[message.parent];
    if (message.receipt && !message.receipt->prompt_base.empty())
      message.receipt->prompt_base = fresh[message.receipt->prompt_base];
    shared = std::make_shared<const Message>(std::move(message));
  }
  if (!document.current.empty()) document.current = fresh[document.current];
}

}  // namespace fabula::session
