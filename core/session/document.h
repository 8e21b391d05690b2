// A session as one JSON document (CONTRACT, Export): written, and read back with everything checked before
// anything is kept.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/session/types.h"

namespace fabula::session {

struct Document {
  SessionInfo info;
  std::string system;
  SessionSettings settings;
  std::vector<std::shared_ptr<const Message>> messages;  // parents first
  std::string current;                                   // "" for an empty path
};

OrderedJson document_to_json(const Document& document);

bool same_message(const Message& a, const Message& b);  // as documents have them

// Errors: unsupported (format, version), corrupt: types, ranges, unknown fields, ids that stand twice,
// unknown parents, cycles; each says where. Nothing of the document is trusted.
Result<Document> document_from_json(const Json& value);

// Several sessions in one document: {"format":"fabula.sessions","version":1,"sessions":[...]}, each as above.
OrderedJson documents_to_json(const std::vector<Document>& documents);
// Reads either form; everything is checked before anything is given back. Errors as above, naming the session.
Result<std::vector<Document>> documents_from_json(const Json& value);

// The current path as Markdown, for reading and printing; not for import.
std::string document_to_markdown(const Document& document);

// New ids for the session and all its messages, references included.
void give_new_ids(Document& document);

}  // namespace fabula::session
