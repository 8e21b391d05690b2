#include "core/session/json_fields.h"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "core/session/object_reader.h"

namespace fabula::session {

namespace {

constexpr int64_t int_max = std::numeric_limits<int64_t>::max();

// 0.95f is written as 0.95, not 0.949999988079071; read back it is the same float.
double shortest(float value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer - 1, value).ptr;
  *end = '\0';
  return std::strtod(buffer, nullptr);
}

OrderedJson sampler_to_json(const engine::SamplerSettings& sampler) {
  OrderedJson out = OrderedJson::object();
  engine::SamplerSettings::visit(sampler, [&](const char* name, const auto& field, auto, auto) {
    if constexpr (std::is_floating_point_v<std::decay_t<decltype(field)>>)
      out[name] = shortest(field);
    else
      out[name] = field;
  });
  if (!sampler.logit_bias.empty()) {
    OrderedJson list = OrderedJson::array();
    for (const auto& [token, bias] : sampler.logit_bias)
      list.push_back(OrderedJson::array({token, shortest(bias)}));
    out["logit_bias"] = std::move(list);
  }
  if (sampler.dry_breakers != engine::SamplerSettings().dry_breakers) out["dry_breakers"] = sampler.dry_breakers;
  return out;
}

void read_logit_bias(ObjectReader& reader, engine::SamplerSettings& sampler) {
  const Json* list = reader.child_or_null("logit_bias");
  if (!list) return;
  const auto is_pair = [](const Json& entry) {
    return entry.is_array() && entry.size() == 2 && entry[0].is_number_integer() && entry[1].is_number();
  };
  if (!list->is_array()) return reader.fail("logit_bias", "a list of [token, bias] was expected");
  for (const Json& entry : *list) {
    if (!is_pair(entry)) return reader.fail("logit_bias", "a list of [token, bias] was expected");
    const double token = entry[0].get<double>();
    if (token < 0 || token > std::numeric_limits<int32_t>::max())
      return reader.fail("logit_bias", "a token id is out of range");
    sampler.logit_bias.emplace_back(static_cast<int32_t>(token), static_cast<float>(entry[1].get<double>()));
  }
}

// Fields that are absent keep their default, so that settings of an older version stay readable.
engine::SamplerSettings sampler_from_json(ObjectReader& outer, const char* name) {
  engine::SamplerSettings sampler;
  const Json* value = outer.child_or_null(name);
  if (!value) return sampler;
  ObjectReader reader(*value, outer.path_of(name));
  engine::SamplerSettings::visit(
      sampler, [&](const char* field_name, auto& field, auto lowest, auto highest) {
        if (!reader.child_or_null(field_name)) return;
        using Field = std::decay_t<decltype(field)>;
        if constexpr (std::is_floating_point_v<Field>)
          field = static_cast<Field>(reader.number(field_name, lowest, highest));
        else
          field = static_cast<Field>(
              reader.integer(field_name, static_cast<int64_t>(lowest), static_cast<int64_t>(highest)));
      });
  read_logit_bias(reader, sampler);
  if (reader.child_or_null("dry_breakers")) sampler.dry_breakers = reader.texts_or_empty("dry_breakers");
  if (Status status = reader.finish(); !status.ok()) outer.keep(Result<int>(status.error()));
  return sampler;
}

}  // namespace

OrderedJson settings_to_json(const SessionSettings& settings) {
  OrderedJson out = OrderedJson::object();
  out["sampler"] = sampler_to_json(settings.sampler);
  out["seed"] = settings.seed ? OrderedJson(*settings.seed) : OrderedJson(nullptr);
  out["max_tokens"] = settings.max_tokens;
  out["stop"] = settings.stop;
  if (!settings.grammar.empty()) out["grammar"] = settings.grammar;
  if (settings.alternatives > 0) out["alternatives"] = settings.alternatives;
  if (!settings.memory.empty()) out["memory"] = settings.memory;
  if (!settings.note.empty()) out["note"] = settings.note;
  if (settings.note_depth != SessionSettings().note_depth) out["note_depth"] = settings.note_depth;
  if (settings.overflow != Overflow::ask) out["overflow"] = overflow_name(settings.overflow);
  if (!settings.switches.empty()) out["template"] = settings.switches;
  return out;
}

Result<SessionSettings> settings_from_json(const Json& value, const std::string& where) {
  ObjectReader reader(value, where);
  SessionSettings out;
  out.sampler = sampler_from_json(reader, "sampler");
  if (const auto seed = reader.integer_or_none("seed", 0, int_max)) out.seed = static_cast<uint64_t>(*seed);
  out.max_tokens = reader.integer_or_none("max_tokens", 0, int_max).value_or(out.max_tokens);
  out.stop = reader.texts_or_empty("stop");
  out.grammar = reader.text_or_empty("grammar");
  out.alternatives = static_cast<int>(reader.integer_or_none("alternatives", 0, max_alternatives).value_or(0));
  if (reader.child_or_null("memory")) out.memory = reader.text("memory");
  if (reader.child_or_null("note")) out.note = reader.text("note");
  out.note_depth = reader.integer_or_none("note_depth", 0, 1000).value_or(out.note_depth);
  if (reader.child_or_null("overflow")) {
    const auto overflow = overflow_or_none(reader.text("overflow"));
    if (!overflow) reader.fail("overflow", "\"ask\" or \"drop_oldest\" was expected");
    out.overflow = overflow.value_or(Overflow::ask);
  }
  if (const Json* switches = reader.child_or_null("template")) {
    ObjectReader fields(*switches, reader.path_of("template"));
    if (switches->is_object())
      for (const auto& [name, value] : switches->items()) out.switches[name] = fields.boolean(name.c_str());
    if (Status status = fields.finish(); !status.ok()) reader.keep(Result<int>(status.error()));
  }
  FABULA_TRY(reader.finish());
  return out;
}

OrderedJson alternatives_to_json(const Alternatives& alternatives) {
  OrderedJson out = OrderedJson::array();
  for (const auto& choices : alternatives) {
    OrderedJson place = OrderedJson::array();
    for (const engine::Choice& choice : choices)
      place.push_back(OrderedJson::array({choice.token, shortest(choice.logprob)}));
    out.push_back(std::move(place));
  }
  return out;
}

Result<Alternatives> alternatives_from_json(const Json& value, const std::string& where) {
  const Error wrong{ErrorCode::corrupt, where + ": for each token a list of [token, log-probability] was expected"};
  if (!value.is_array()) return wrong;
  Alternatives out;
  for (const Json& place : value) {
    if (!place.is_array() || place.size() > max_alternatives) return wrong;
    auto& choices = out.emplace_back();
    for (const Json& entry : place) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_number_integer() || !entry[1].is_number())
        return wrong;
      const double token = entry[0].get<double>();
      if (token < 0 || token > std::numeric_limits<int32_t>::max()) return wrong;
      choices.push_back({static_cast<int32_t>(token), static_cast<float>(entry[1].get<double>())});
    }
  }
  return out;
}

OrderedJson receipt_to_json(const Receipt& receipt) {
  OrderedJson out = OrderedJson::object();
  out["model_fingerprint"] = receipt.model_fingerprint;
  out["numerics_id"] = receipt.numerics_id;
  out["build"] = receipt.build;
  out["sampler"] = sampler_to_json(receipt.sampler);
  out["seed"] = receipt.seed;
  out["max_tokens"] = receipt.max_tokens;
  out["stop"] = receipt.stop;
  if (!receipt.grammar.empty()) out["grammar"] = receipt.grammar;
  out["prompt_hash"] = receipt.prompt_hash;
  out["prompt_base"] = receipt.prompt_base.empty() ? OrderedJson(nullptr) : OrderedJson(receipt.prompt_base);
  out["prompt_keep"] = receipt.prompt_keep;
  out["prompt"] = receipt.prompt;
  if (receipt.given > 0) out["given"] = receipt.given;
  if (!receipt.continuations.empty()) {
    OrderedJson list = OrderedJson::array();
    for (const Receipt::Continuation& part : receipt.continuations) {
      OrderedJson entry = OrderedJson::object();
      entry["at"] = part.at;
      entry["seed"] = part.seed;
      entry["sampler"] = sampler_to_json(part.sampler);
      list.push_back(std::move(entry));
    }
    out["continuations"] = std::move(list);
  }
  return out;
}

namespace {

Result<std::vector<Receipt::Continuation>> continuations_from_json(const Json& list,
                                                                   const std::string& where) {
  if (!list.is_array()) return Error{ErrorCode::corrupt, where + ": a list was expected"};
  std::vector<Receipt::Continuation> out;
  for (size_t i = 0; i < list.size(); ++i) {
    ObjectReader reader(list[i], where + "[" + std::to_string(i) + "]");
    Receipt::Continuation part;
    part.at = reader.integer("at", out.empty() ? 0 : out.back().at, int_max);
    part.seed = static_cast<uint64_t>(reader.integer("seed", 0, int_max));
    part.sampler = sampler_from_json(reader, "sampler");
    FABULA_TRY(reader.finish());
    out.push_back(std::move(part));
  }
  return out;
}

}  // namespace

Result<Receipt> receipt_from_json(const Json& value, const std::string& where) {
  ObjectReader reader(value, where);
  Receipt out;
  out.model_fingerprint = reader.text("model_fingerprint");
  out.numerics_id = reader.text("numerics_id");
  out.build = reader.text_or_empty("build");
  out.sampler = sampler_from_json(reader, "sampler");
  out.seed = static_cast<uint64_t>(reader.integer("seed", 0, int_max));
  out.max_tokens = reader.integer("max_tokens", std::numeric_limits<int64_t>::min(), int_max);
  out.stop = reader.texts_or_empty("stop");
  out.grammar = reader.text_or_empty("grammar");
  out.prompt_hash = reader.text("prompt_hash");
  out.prompt_base = reader.text_or_empty("prompt_base");
  out.prompt_keep = reader.integer_or_none("prompt_keep", 0, int_max).value_or(0);
  if (const Json* prompt = reader.child_or_null("prompt"))
    out.prompt = reader.keep(tokens_from_json(*prompt, reader.path_of("prompt")));
  out.given = reader.integer_or_none("given", 0, int_max).value_or(0);
  if (const Json* list = reader.child_or_null("continuations"))
    out.continuations = reader.keep(continuations_from_json(*list, reader.path_of("continuations")));
  FABULA_TRY(reader.finish());
  return out;
}

OrderedJson stats_to_json(const MessageStats& stats) {
  OrderedJson out = OrderedJson::object();
  out["prompt_tokens"] = stats.prompt_tokens;
  out["reused_tokens"] = stats.reused_tokens;
  out["generated_tokens"] = stats.generated_tokens;
  out["prompt_seconds"] = stats.prompt_seconds;
  out["decode_seconds"] = stats.decode_seconds;
  out["first_token_seconds"] = stats.first_token_seconds;
  if (!stats.remote.empty()) out["remote"] = stats.remote;
  return out;
}

Result<MessageStats> stats_from_json(const Json& value, const std::string& where) {
  constexpr double longest_seconds = 1e12;
  ObjectReader reader(value, where);
  MessageStats out;
  out.prompt_tokens = reader.integer("prompt_tokens", 0, int_max);
  out.reused_tokens = reader.integer("reused_tokens", 0, int_max);
  out.generated_tokens = reader.integer("generated_tokens", 0, int_max);
  out.prompt_seconds = reader.number("prompt_seconds", 0, longest_seconds);
  out.decode_seconds = reader.number("decode_seconds", 0, longest_seconds);
  out.first_token_seconds = reader.number("first_token_seconds", 0, longest_seconds);
  out.remote = reader.text_or_empty("remote");
  FABULA_TRY(reader.finish());
  return out;
}

Result<std::vector<int32_t>> tokens_from_json(const Json& value, const std::string& where) {
  if (!value.is_array()) return Error{ErrorCode::corrupt, where + ": a list of token ids was expected"};
  std::vector<int32_t> out;
  out.reserve(value.size());
  for (const Json& entry : value) {
    const bool fits = entry.is_number_integer() && entry >= 0 && entry <= std::numeric_limits<int32_t>::max();
    if (!fits)
      return Error{ErrorCode::corrupt,
                   where + "[" + std::to_string(out.size()) + "]: a token id was expected (0 to 2147483647)"};
    out.push_back(entry.get<int32_t>());
  }
  return out;
}

}  // namespace fabula::session
