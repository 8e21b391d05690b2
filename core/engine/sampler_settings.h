// The parameters of sampling: one table. JSON keys, HTTP fields, flags of the command line, checks, defaults and
// the window's controls all come from it; a new parameter is a field, a row here and its label in assets/strings.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace fabula::engine {

struct SamplerParameter {
  // JSON key and HTTP field. The flag is "--" with '-' for '_', the window's label the string "sampler." + name.
  const char* name;
  double lowest, highest;                // accepted
  double usual_lowest, usual_highest;    // what a slider spans
  int digits;                            // shown after the point; 0: a whole number
  double off = NAN;                      // the value that does nothing; NaN: the parameter only shapes another one
  const char* shapes = nullptr;          // that other one: of interest only while it is not off
  const char* unit = "";                 // the string "unit." + unit; "" for none
};

struct SamplerSettings {
  float temperature = 0.8f;  // 0: greedy
  int top_k = 40;            // 0: off
  float top_p = 0.95f;       // 1: off
  float min_p = 0.05f;       // 0: off
  float typical_p = 1.0f;    // 1: off
  float repeat_penalty = 1.0f;
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  int penalty_window = 64;  // last tokens the three penalties look at; -1: all
  float dry_multiplier = 0.0f;  // 0: off
  float dry_base = 1.75f;
  int dry_allowed_length = 2;  // tokens
  int dry_window = -1;         // last tokens that DRY looks at; -1: all
  float xtc_probability = 0.0f;  // 0: off
  float xtc_threshold = 0.1f;
  int mirostat = 0;  // 0: off, 2: Mirostat 2
  float mirostat_tau = 5.0f;  // bits
  float mirostat_eta = 0.1f;
  std::vector<std::pair<int32_t, float>> logit_bias;
  std::vector<std::string> dry_breakers = {"\n", ":", "\"", "*"};

  // row(SamplerParameter, field reference)
  template <class Self, class Row>
  static void rows(Self& self, Row&& row) {
    row(SamplerParameter{"temperature", 0, 100, 0, 2, 2}, self.temperature);
    row(SamplerParameter{"top_k", 0, 1'000'000, 0, 200, 0, 0}, self.top_k);
    row(SamplerParameter{"top_p", 0, 1, 0, 1, 2, 1}, self.top_p);
    row(SamplerParameter{"min_p", 0, 1, 0, 1, 2, 0}, self.min_p);
    row(SamplerParameter{"typical", 0, 1, 0, 1, 2, 1}, self.typical_p);
    row(SamplerParameter{"repeat_penalty", 0, 100, 1, 2, 2, 1}, self.repeat_penalty);
    row(SamplerParameter{"presence_penalty", -100, 100, -2, 2, 2, 0}, self.presence_penalty);
    row(SamplerParameter{"frequency_penalty", -100, 100, -2, 2, 2, 0}, self.frequency_penalty);
    row(SamplerParameter{"penalty_window", -1, 1'000'000, -1, 1024, 0, NAN, "repeat_penalty", "tokens"},
        self.penalty_window);
    row(SamplerParameter{"dry_multiplier", 0, 100, 0, 2, 2, 0}, self.dry_multiplier);
    row(SamplerParameter{"dry_base", 1, 100, 1, 4, 2, NAN, "dry_multiplier"}, self.dry_base);
    row(SamplerParameter{"dry_allowed_length", 1, 1'000'000, 1, 20, 0, NAN, "dry_multiplier", "tokens"},
        self.dry_allowed_length);
    row(SamplerParameter{"dry_window", -1, 1'000'000, -1, 8192, 0, NAN, "dry_multiplier", "tokens"},
        self.dry_window);
    row(SamplerParameter{"xtc_probability", 0, 1, 0, 1, 2, 0}, self.xtc_probability);
    row(SamplerParameter{"xtc_threshold", 0, 1, 0, 0.5, 2, NAN, "xtc_probability"}, self.xtc_threshold);
    row(SamplerParameter{"mirostat", 0, 2, 0, 2, 0, 0}, self.mirostat);
    row(SamplerParameter{"mirostat_tau", 0, 100, 0, 10, 1, NAN, "mirostat", "bits"}, self.mirostat_tau);
    row(SamplerParameter{"mirostat_eta", 0, 1, 0.01, 1, 2, NAN, "mirostat"}, self.mirostat_eta);
  }
  // visit(name, field reference, lowest, highest): the same rows, for those who need no more.
  template <class Self, class Visit>
  static void visit(Self& self, Visit&& v) {
    rows(self, [&](const SamplerParameter& p, auto& field) { v(p.name, field, p.lowest, p.highest); });
  }

  bool operator==(const SamplerSettings&) const = default;
};

// Errors: invalid_argument naming the field (NaN, out of range).
Status check(const SamplerSettings& settings);

}  // namespace fabula::engine
