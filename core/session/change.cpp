#include "core/session/change.h"

#include "core/session/json_fields.h"
#include "core/session/object_reader.h"

namespace fabula::session {

Change::Content content_of(const Message& message) {
  return {message.id,     message.text,    message.tokenizer, message.finish_reason,
          message.tokens, message.receipt, message.stats,     message.alternatives};
}

void apply_content(const Change::Content& content, Message& message) {
  message.text = content.text;
  message.tokenizer = content.tokenizer;
  message.finish_reason = content.finish_reason;
  message.tokens = content.tokens;
  message.receipt = content.receipt;
  message.stats = content.stats;
  if (!content.alternatives.empty()) message.alternatives = content.alternatives;
}

namespace {

OrderedJson content_to_json(const Change::Content& content) {
  OrderedJson out = OrderedJson::object();
  out["message"] = content.message;
  out["text"] = content.text;
  out["tokenizer"] = content.tokenizer;
  out["finish_reason"] = content.finish_reason;
  out["tokens"] = content.tokens;
  if (content.receipt) out["receipt"] = receipt_to_json(*content.receipt);
  out["stats"] = stats_to_json(content.stats);
  return out;
}

Result<Change::Content> content_from_json(const Json& value) {
  ObjectReader reader(value, "operation.content");
  Change::Content out;
  out.message = reader.text("message");
  out.text = reader.text("text");
  out.tokenizer = reader.text("tokenizer");
  out.finish_reason = reader.text("finish_reason");
  if (const Json* tokens = reader.child("tokens"))
    out.tokens = reader.keep(tokens_from_json(*tokens, reader.path_of("tokens")));
  if (const Json* receipt = reader.child_or_null("receipt"))
    out.receipt = reader.keep(receipt_from_json(*receipt, reader.path_of("receipt")));
  if (const Json* stats = reader.child("stats"))
    out.stats = reader.keep(stats_from_json(*stats, reader.path_of("stats")));
  FABULA_TRY(reader.finish());
  return out;
}

}  // namespace

std::string change_to_text(const Change& change) {
  OrderedJson out = OrderedJson::object();
  if (change.current) out["current"] = *change.current;
  if (change.title) {
    out["title"] = change.title->text;
    out["title_is_manual"] = change.title->is_manual;
  }
  if (change.system) out["system"] = *change.system;
  if (change.settings) out["settings"] = settings_to_json(*change.settings);
  if (change.labels) {
    out["folder"] = change.labels->folder;
    out["tags"] = change.labels->tags;
  }
  if (change.in_trash) out["in_trash"] = *change.in_trash;
  if (change.deleted) {
    out["messages"] = change.deleted->messages;
    out["deleted"] = change.deleted->deleted;
  }
  for (const Change::Content& content : change.contents) out["contents"].push_back(content_to_json(content));
  return dump_json(out);
}

Result<Change> change_from_text(std::string_view text) {
  FABULA_ASSIGN(const Json value, parse_json(text, "an operation of the undo log"));
  ObjectReader reader(value, "operation");
  Change out;
  if (reader.child_or_null("current")) out.current = reader.text("current");
  if (reader.child_or_null("title"))
    out.title = Change::Title{reader.text("title"), reader.boolean("title_is_manual")};
  if (reader.child_or_null("system")) out.system = reader.text("system");
  if (const Json* settings = reader.child_or_null("settings"))
    out.settings = reader.keep(settings_from_json(*settings, reader.path_of("settings")));
  if (reader.child_or_null("folder"))
    out.labels = Change::Labels{reader.text("folder"), reader.texts_or_empty("tags")};
  if (reader.child_or_null("in_trash")) out.in_trash = reader.boolean("in_trash");
  if (reader.child_or_null("messages"))
    out.deleted = Change::Deleted{reader.texts_or_empty("messages"), reader.boolean("deleted")};
  if (const Json* content = reader.child_or_null("content"))  // what earlier versions wrote
    out.contents.push_back(reader.keep(content_from_json(*content)));
  if (const Json* contents = reader.child_or_null("contents"))
    for (const Json& content : *contents) out.contents.push_back(reader.keep(content_from_json(content)));
  FABULA_TRY(reader.finish());
  return out;
}

}  // namespace fabula::session
