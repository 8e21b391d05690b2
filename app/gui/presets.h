// Presets of replies and of system prompts: those of assets/presets, and the person's own in config/fabula/presets.json.
// Thread: the UI thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/session/types.h"

namespace fabula::gui {

struct SamplingPreset {
  std::string name;
  session::SessionSettings settings;  // sampler, response length, stop strings
  bool own = false;
};
struct PromptPreset {
  std::string name, text;
  bool own = false;
};

class Presets {
 public:
  // The ones that come with Fabula, in that language.
  explicit Presets(std::string_view language);
  void set_language(std::string_view language);

  // The text of presets.json. Entries that cannot be read are left out; true: all could be read.
  bool read_own(std::string_view json);
  std::string write_own() const;

  const std::vector<SamplingPreset>& sampling() const { return sampling_; }  // Fabula's first
  const std::vector<PromptPreset>& prompts() const { return prompts_; }
  // Another one of the same name is replaced.
  void save(SamplingPreset preset);
  void save(PromptPreset preset);
  void remove_sampling(std::string_view name);  // own ones only
  void remove_prompt(std::string_view name);

 private:
  std::string language_;
  std::vector<SamplingPreset> sampling_;
  std::vector<PromptPreset> prompts_;
};

}  // namespace fabula::gui
