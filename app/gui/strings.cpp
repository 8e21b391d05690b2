#include "app/gui/strings.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/gui/assets.h"
#include "core/base/json.h"

namespace fabula::gui {
namespace {

const Language& system_language() {
  const std::vector<Language>& all = Strings::languages();
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const auto spoken = std::find_if(all.begin(), all.end(), [&](const Language& l) { return std::string_view(value).starts_with(l.locale); });
    return spoken == all.end() ? all.front() : *spoken;
  }
  return all.front();
}

}  // namespace

const std::vector<Language>& Strings::languages() {
  static const std::vector<Language> list = {
      {"en", "English", "en", "en", "language_en", assets::strings_en},
      {"zh-Hans", "简体中文", "zh", "zh-cn", "language_zh", assets::strings_zh_hans},
  };
  return list;
}

Strings::Strings(std::string_view code) { set_language(code); }

void Strings::set_language(std::string_view code) {
  const auto named = std::find_if(languages().begin(), languages().end(), [&](const Language& l) { return l.code == code; });
  language_ = code == "system" ? &system_language() : named == languages().end() ? &languages().front() : &*named;
  table_.clear();
  missing_.clear();
  auto parsed = parse_json(language_->words(), "assets/strings");
  if (!parsed) return;
  for (const auto& [key, value] : parsed->items()) {
    if (value.is_string()) table_.emplace(key, value.get<std::string>());
  }
}

const std::string& Strings::operator()(std::string_view key) const {
  if (auto found = table_.find(key); found != table_.end()) return found->second;
  return missing_.try_emplace(std::string(key), key).first->second;
}

std::string Strings::format(std::string_view key, std::initializer_list<std::string_view> arguments) const {
  const std::string& pattern = (*this)(key);
  std::string out;
  out.reserve(pattern.size() + 32);
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}') {
      const size_t index = static_cast<size_t>(pattern[i + 1] - '0');
      if (index < arguments.size()) {
        out += arguments.begin()[index];
        i += 2;
        continue;
      }
    }
    out += pattern[i];
  }
  return out;
}

std::string Strings::count(std::string_view key, int64_t n) const {
  const std::string full = std::string(key) + (n == 1 ? ".one" : ".many");
  return format(full, {std::to_string(n)});
}

}  // namespace fabula::gui
