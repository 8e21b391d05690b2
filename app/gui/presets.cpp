#include "app/gui/presets.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/gui/assets.h"
#include "core/base/json.h"
#include "core/session/json_fields.h"

namespace fabula::gui {
namespace {

constexpr size_t max_own = 200, max_name_bytes = 200, max_prompt_bytes = size_t{1} << 20;

std::string in_language(const Json& texts, const std::string& language) {
  const auto found = texts.find(language);
  return (found != texts.end() ? *found : texts.at("en")).get<std::string>();
}

// A name in a list of presets: a short text.
bool read_name(const Json& entry, std::string& name) {
  const auto found = entry.is_object() ? entry.find("name") : entry.end();
  if (!entry.is_object() || found == entry.end() || !found->is_string()) return false;
  name = found->get<std::string>();
  return !name.empty() && name.size() <= max_name_bytes;
}

template <class Preset>
void drop_where(std::vector<Preset>& list, bool own) {
  std::erase_if(list, [own](const Preset& p) { return p.own == own; });
}

template <class Preset>
void put(std::vector<Preset>& list, Preset preset) {
  preset.own = true;
  const auto same = std::find_if(list.begin(), list.end(), [&](const Preset& p) { return p.own && p.name == preset.name; });
  if (same != list.end()) {
    *same = std::move(preset);
  } else {
    list.push_back(std::move(preset));
  }
}

}  // namespace

Presets::Presets(std::string_view language) { set_language(language); }

void Presets::set_language(std::string_view language) {
  if (language_ == language) return;
  language_ = language;
  drop_where(sampling_, false);
  drop_where(prompts_, false);
  // The embedded files are part of the program; a test reads every entry in every language.
  const auto sampling = parse_json(assets::presets_sampling(), "sampling.json"), prompts = parse_json(assets::presets_prompts(), "prompts.json");
  std::vector<SamplingPreset> built_in;
  for (const Json& entry : *sampling) {
    Json settings = Json::object();
    settings["sampler"] = entry.at("sampler");
    const auto read = session::settings_from_json(settings, "sampling.json");
    built_in.push_back({in_language(entry.at("name"), language_), read.ok() ? *read : session::SessionSettings(), false});
  }
  sampling_.insert(sampling_.begin(), built_in.begin(), built_in.end());
  std::vector<PromptPreset> texts;
  for (const Json& entry : *prompts) texts.push_back({in_language(entry.at("name"), language_), in_language(entry.at("text"), language_), false});
  prompts_.insert(prompts_.begin(), texts.begin(), texts.end());
}

bool Presets::read_own(std::string_view json) {
  drop_where(sampling_, true);
  drop_where(prompts_, true);
  if (json.empty()) return true;
  const auto parsed = parse_json(json, "presets.json");
  if (!parsed.ok() || !parsed->is_object()) return false;
  bool all = true;
  const auto each = [&](const char* key, const auto& read) {
    const auto list = parsed->find(key);
    if (list == parsed->end()) return;
    if (!list->is_array() || list->size() > max_own) return void(all = false);
    for (const Json& entry : *list) all = read(entry) && all;
  };
  each("sampling", [this](const Json& entry) {
    SamplingPreset preset;
    if (!read_name(entry, preset.name) || !entry.contains("settings")) return false;
    auto settings = session::settings_from_json(entry["settings"], "presets.json");
    if (!settings.ok() || !engine::check(settings->sampler).ok()) return false;
    preset.settings = *std::move(settings);
    return put(sampling_, std::move(preset)), true;
  });
  each("prompts", [this](const Json& entry) {
    PromptPreset preset;
    if (!read_name(entry, preset.name) || !entry.contains("text") || !entry["text"].is_string()) return false;
    preset.text = entry["text"].get<std::string>();
    if (preset.text.size() > max_prompt_bytes) return false;
    return put(prompts_, std::move(preset)), true;
  });
  return all;
}

std::string Presets::write_own() const {
  OrderedJson out = OrderedJson::object();
  out["sampling"] = OrderedJson::array();
  out["prompts"] = OrderedJson::array();
  for (const SamplingPreset& p : sampling_)
    if (p.own) out["sampling"].push_back({{"name", p.name}, {"settings", session::settings_to_json(p.settings)}});
  for (const PromptPreset& p : prompts_)
    if (p.own) out["prompts"].push_back({{"name", p.name}, {"text", p.text}});
  return dump_json(out, 2) + "\n";
}

void Presets::save(SamplingPreset preset) { put(sampling_, std::move(preset)); }
void Presets::save(PromptPreset preset) { put(prompts_, std::move(preset)); }

void Presets::remove_sampling(std::string_view name) {
  std::erase_if(sampling_, [name](const SamplingPreset& p) { return p.own && p.name == name; });
}
void Presets::remove_prompt(std::string_view name) {
  std::erase_if(prompts_, [name](const PromptPreset& p) { return p.own && p.name == name; });
}

}  // namespace fabula::gui
