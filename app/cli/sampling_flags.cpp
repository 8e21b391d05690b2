#include "app/cli/sampling_flags.h"

#include <charconv>
#include <cmath>

#include "core/session/defaults.h"

namespace fabula::cli {

namespace {

std::string range_words(const engine::SamplerParameter& p, double standard) {
  std::string out = "Default " + CLI::detail::to_string(standard);
  if (standard == p.off) return out + " (off)";
  if (!std::isnan(p.off)) out += ", off at " + CLI::detail::to_string(p.off);
  return out;
}

// "13=-2.5" or "13:-2.5"
Result<std::pair<int32_t, float>> bias_of(const std::string& text) {
  const size_t cut = text.find_first_of("=:");
  int32_t token = -1;
  float bias = 0;
  if (cut != std::string::npos) {
    const char *middle = text.data() + cut, *end = text.data() + text.size();
    const auto id = std::from_chars(text.data(), middle, token);
    const auto value = std::from_chars(middle + 1, end, bias);
    if (id.ec == std::errc() && id.ptr == middle && value.ec == std::errc() && value.ptr == end && token >= 0)
      return std::pair(token, bias);
  }
  return Error{ErrorCode::invalid_argument, "--logit-bias wants TOKEN=BIAS with a token id, not " + text};
}

}  // namespace

void SamplingFlags::add_to(CLI::App& command) {
  engine::SamplerSettings defaults;
  engine::SamplerSettings::rows(defaults, [&](const engine::SamplerParameter& p, auto& field) {
    std::string flag = "--" + std::string(p.name);
    for (char& c : flag)
      if (c == '_') c = '-';
    const std::string key = p.name;
    command
        .add_option_function<double>(
            flag, [this, key](const double& value) { given[key] = value; },
            range_words(p, static_cast<double>(field)))
        ->check(CLI::Range(p.lowest, p.highest));
  });
  command.add_option("--logit-bias", logit_bias, "TOKEN=BIAS, added to a token's logit; may be given several times")
      ->take_all();
  command.add_option("--dry-breaker", dry_breakers, "Text at which DRY's matches stop; replaces the usual ones")
      ->take_all();
  command.add_option("--max-tokens", max_tokens, "Longest reply")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command.add_option("--seed", seed, "0 ... 2^63-1; drawn and reported where absent")
      ->check(CLI::Range(uint64_t{0}, uint64_t{INT64_MAX}));
  command.add_option("--stop", stop, "Ends the reply before this text; may be given several times")
      ->take_all();
}

Result<engine::SamplerSettings> SamplingFlags::settings(const model::GenerationDefaults& defaults) const {
  engine::SamplerSettings settings = session::default_sampler(defaults);
  engine::SamplerSettings::visit(settings, [&](const char* name, auto& field, auto, auto) {
    if (const auto found = given.find(name); found != given.end())
      field = static_cast<std::remove_reference_t<decltype(field)>>(found->second);
  });
  if (!dry_breakers.empty()) settings.dry_breakers = dry_breakers;
  for (const std::string& text : logit_bias) {
    FABULA_ASSIGN(const auto bias, bias_of(text));
    settings.logit_bias.push_back(bias);
  }
  FABULA_TRY(engine::check(settings));
  return settings;
}

uint64_t SamplingFlags::seed_or_new() const {
  return seed ? *seed : session::draw_seed();
}

}  // namespace fabula::cli
