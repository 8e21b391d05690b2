#include "app/cli/sampling_flags.h"

#include "core/session/defaults.h"

namespace fabula::cli {

void SamplingFlags::add_to(CLI::App& command) {
  engine::SamplerSettings defaults;
  engine::SamplerSettings::visit(defaults, [&](const char* name, auto& field, auto lowest, auto highest) {
    std::string flag = "--" + std::string(name);
    for (char& c : flag)
      if (c == '_') c = '-';
    const std::string key = name;
    command
        .add_option_function<double>(
            flag, [this, key](const double& value) { given[key] = value; },
            "Default " + CLI::detail::to_string(field))
        ->check(CLI::Range(static_cast<double>(lowest), static_cast<double>(highest)));
  });
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
  FABULA_TRY(engine::check(settings));
  return settings;
}

uint64_t SamplingFlags::seed_or_new() const {
  return seed ? *seed : session::draw_seed();
}

}  // namespace fabula::cli
