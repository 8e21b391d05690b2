// The words of the window: one list of keys, one table per language (assets/strings/*.json, embedded at build time).
// Thread: the UI thread. Switching the language takes effect with the next frame.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fabula::gui {

struct Language {
  std::string_view code;        // BCP 47, as settings.json keeps it
  std::string_view name;        // in the language itself
  std::string_view locale;      // how LANG begins where the system speaks it
  std::string_view characters;  // fontconfig's name: whose shapes of shared characters are taken
  std::string_view command;     // of the window, which chooses it; named by the string "command." + this
  std::string_view (*words)();  // assets/strings/CODE.json
};

class Strings {
 public:
  static const std::vector<Language>& languages();  // English is the first
  // "system" follows LC_ALL, LC_MESSAGES, LANG; an unknown code is English.
  explicit Strings(std::string_view code = "en");
  void set_language(std::string_view code);
  std::string_view language() const { return language_->code; }
  std::string_view characters() const { return language_->characters; }

  // The words for a key; the key itself where a table lacks it (a test keeps that from happening).
  const std::string& operator()(std::string_view key) const;
  // {0}, {1} ... are replaced by the arguments.
  std::string format(std::string_view key, std::initializer_list<std::string_view> arguments) const;
  // key + ".one" for 1, else key + ".many"; {0} is the number.
  std::string count(std::string_view key, int64_t n) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Table = std::unordered_map<std::string, std::string, Hash, std::equal_to<>>;
  Table table_;
  mutable Table missing_;
  const Language* language_ = nullptr;  // into languages()
};

}  // namespace fabula::gui
