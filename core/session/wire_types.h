// The types that cross the socket between a host and an attached process, as JSON: one row of fields each.
// Only wire code includes this. What arrives may be anything: reading throws (nlohmann's own exceptions, or
// WireError), and attach_host.cpp and attached_service.cpp catch at the border of one frame.
#pragma once

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "core/session/json_fields.h"
#include "core/session/service.h"

namespace fabula::session {

class WireError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <class T>
T accept_or_throw(Result<T> result) {
  if (!result.ok()) throw WireError(result.error().message);
  return *std::move(result);
}

// Enumerations are numbers from 0 to their last one; another number is refused, never cast.
template <class Enum>
void enum_from_json(const Json& value, Enum& out, Enum last) {
  const auto number = value.get<int64_t>();
  if (number < 0 || number > static_cast<int64_t>(last)) throw WireError("a value out of range");
  out = static_cast<Enum>(number);
}

}  // namespace fabula::session

namespace nlohmann {

template <class T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& out, const std::optional<T>& value) {
    if (value)
      out = *value;
    else
      out = nullptr;
  }
  static void from_json(const json& in, std::optional<T>& value) {
    if (in.is_null())
      value.reset();
    else
      value = in.get<T>();
  }
};

template <class T>
struct adl_serializer<std::shared_ptr<const T>> {
  static void to_json(json& out, const std::shared_ptr<const T>& value) { out = *value; }
  static void from_json(const json& in, std::shared_ptr<const T>& value) {
    value = std::make_shared<const T>(in.get<T>());
  }
};

template <>
struct adl_serializer<std::filesystem::path> {
  static void to_json(json& out, const std::filesystem::path& value) { out = value.string(); }
  static void from_json(const json& in, std::filesystem::path& value) { value = in.get<std::string>(); }
};

}  // namespace nlohmann

// Where a type is declared decides on the namespace of its row.
#define FABULA_WIRE_ENUM(Type, last)                             \
  inline void to_json(nlohmann::json& out, Type value) {         \
    out = static_cast<int>(value);                               \
  }                                                              \
  inline void from_json(const nlohmann::json& in, Type& value) { \
    ::fabula::session::enum_from_json(in, value, last);          \
  }

namespace fabula::compute {
FABULA_WIRE_ENUM(KvPrecision, KvPrecision::q8_0)
inline void to_json(Json& out, Precision value) {
  out = precision_name(value);
}
inline void from_json(const Json& in, Precision& value) {
  value = session::accept_or_throw(precision_from_name(in.get<std::string>()));
}
}  // namespace fabula::compute

namespace fabula::engine {
inline void to_json(Json& out, const Choice& value) { out = Json::array({value.token, value.logprob}); }
inline void from_json(const Json& in, Choice& value) { value = {in.at(0).get<int32_t>(), in.at(1).get<float>()}; }
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ModelLoad, path, precision, kv_precision, context, threads, device, gpu_layers)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Metrics, prefill_tokens_per_second, decode_tokens_per_second,
                                   decode_gb_per_second, peak_read_gb_per_second, active_requests,
                                   queued_requests, batch, kv_blocks_used, kv_blocks_total, kv_ram_bytes, tokens_generated,
                                   prompt_tokens_read, prompt_tokens_reused, tokens_drafted, drafts_accepted, shard_busy,
                                   workers)
FABULA_WIRE_ENUM(FinishReason, FinishReason::error)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PromptStats, tokens, reused, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DecodeStats, tokens, seconds)
}  // namespace fabula::engine

namespace fabula {
FABULA_WIRE_ENUM(ErrorCode, ErrorCode::internal)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Error, code, message)
}  // namespace fabula

namespace fabula::session {

FABULA_WIRE_ENUM(Mode, Mode::story)
FABULA_WIRE_ENUM(Role, Role::tool)
FABULA_WIRE_ENUM(ModelState::Phase, ModelState::Phase::asleep)
FABULA_WIRE_ENUM(Notice::Kind, Notice::Kind::error)
FABULA_WIRE_ENUM(Act::Kind, Act::Kind::system)
FABULA_WIRE_ENUM(ReplayReport::Outcome, ReplayReport::Outcome::skipped)

// These three have their rows in json_fields.cpp, for the database and for exports.
inline void to_json(Json& out, const SessionSettings& value) {
  out = settings_to_json(value);
}
inline void from_json(const Json& in, SessionSettings& value) {
  value = accept_or_throw(settings_from_json(in, "settings"));
}
inline void to_json(Json& out, const Receipt& value) {
  out = receipt_to_json(value);
}
inline void from_json(const Json& in, Receipt& value) {
  value = accept_or_throw(receipt_from_json(in, "receipt"));
}
inline void to_json(Json& out, const MessageStats& value) {
  out = stats_to_json(value);
}
inline void from_json(const Json& in, MessageStats& value) {
  value = accept_or_throw(stats_from_json(in, "stats"));
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SessionInfo, id, title, title_is_manual, mode, created_at, updated_at,
                                   message_count, model_path, model_name, model_fingerprint, in_trash, pinned,
                                   folder, tags, generating)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Message, id, parent, role, text, tokens, tokenizer, created_at,
                                   finish_reason, receipt, stats, alternatives, siblings, sibling_index)
// A view travels with those messages of its path that the reader does not have yet (attach_host.cpp).
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SessionView, info, system, settings, draft, current, revision, can_undo,
                                   can_redo)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LiveReply, session, message, text, tokens, prompt_done, prompt_total,
                                   decode_tokens_per_second, started)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ModelState, phase, progress, id, path, name, error, has_chat_template,
                                   chat_template_error, context, precision, device, layers, gpu_layers, cpu_can_take_over, weight_bytes, switches, remote)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ResidentModel, path, name, bytes, in_use)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Act, kind, message, text)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Outlook, whole_tokens, prompt_tokens, stored_tokens, seconds, context, dropped_messages,
                                   next_messages, fits)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Notice, kind, text, undo_session)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ReplayReport::Reply, message, outcome, tokens, first_difference, expected,
                                   got, why)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ReplayReport, replies, equal, different, skipped)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Store::Hit, session, message, snippet)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PageEdit, begin, removed, text)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ListenRequest, host, port, api_key, allow_origins, log_text)

// A sampler's settings have their rows among those of a session.
inline Json sampler_to_json(const engine::SamplerSettings& sampler) {
  SessionSettings carrier;
  carrier.sampler = sampler;
  return carrier;
}
inline engine::SamplerSettings sampler_from_json(const Json& in) {
  return in.get<SessionSettings>().sampler;
}

inline void to_json(Json& out, const ReplyOptions& value) {
  out = {{"max_tokens", value.max_tokens}, {"seed", value.seed}, {"stop", value.stop}, {"rules", value.rules}};
  if (value.sampler) out["sampler"] = sampler_to_json(*value.sampler);
}
inline void from_json(const Json& in, ReplyOptions& value) {
  in.at("max_tokens").get_to(value.max_tokens);
  in.at("seed").get_to(value.seed);
  in.at("stop").get_to(value.stop);
  in.at("rules").get_to(value.rules);
  if (in.contains("sampler")) value.sampler = sampler_from_json(in.at("sampler"));
}

inline void to_json(Json& out, const TextRequest& value) {
  out = {{"id", value.id},     {"model", value.model},           {"prompt", value.prompt}, {"sampler", sampler_to_json(value.sampler)},
         {"seed", value.seed}, {"max_tokens", value.max_tokens}, {"stop", value.stop}};
}
inline void from_json(const Json& in, TextRequest& value) {
  in.at("id").get_to(value.id);
  in.at("model").get_to(value.model);
  in.at("prompt").get_to(value.prompt);
  value.sampler = sampler_from_json(in.at("sampler"));
  in.at("seed").get_to(value.seed);
  in.at("max_tokens").get_to(value.max_tokens);
  in.at("stop").get_to(value.stop);
}
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TextReply, tokens, text, reason, prompt, decode)

}  // namespace fabula::session
