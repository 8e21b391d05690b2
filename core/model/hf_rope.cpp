#include <nlohmann/json.hpp>

#include "core/formats/byte_reader.h"
#include "core/model/hf_settings.h"

namespace fabula::model {

namespace {

// Fills `rope` from a rope_scaling object, or from one entry of rope_parameters, which may hold rope_theta as
// well.
void read_scaling(Settings& scaling, RopeParameters& rope) {
  rope.theta = scaling.number("rope_theta").value_or(rope.theta);
  rope.rotary_share = scaling.number("partial_rotary_factor").value_or(rope.rotary_share);
  const auto newer = scaling.text("rope_type");
  const std::string type = newer ? *newer : scaling.text("type").value_or("default");
  rope.factor = scaling.number("factor").value_or(1.0);
  rope.original_context = scaling.number("original_max_position_embeddings").value_or(rope.original_context);
  rope.attention_factor = scaling.number("attention_factor");
  if (type == "default") {
    rope.scaling = RopeScaling::none;
  } else if (type == "linear") {
    rope.scaling = RopeScaling::linear;
  } else if (type == "llama3") {
    rope.scaling = RopeScaling::llama3;
    rope.low_freq_factor = scaling.number("low_freq_factor").value_or(rope.low_freq_factor);
    rope.high_freq_factor = scaling.number("high_freq_factor").value_or(rope.high_freq_factor);
  } else if (type == "yarn") {
    rope.scaling = RopeScaling::yarn;
    rope.beta_fast = scaling.number("beta_fast").value_or(rope.beta_fast);
    rope.beta_slow = scaling.number("beta_slow").value_or(rope.beta_slow);
    scaling.refuse_if_set({"mscale", "mscale_all_dim"});
    if (!scaling.boolean("truncate").value_or(true))
      scaling.fail("truncate", "is false, which is not supported", ErrorCode::unsupported);
  } else if (type == "longrope" || type == "su") {
    rope.scaling = RopeScaling::longrope;
    rope.short_factors = scaling.numbers("short_factor").value_or(std::vector<double>{});
    rope.long_factors = scaling.numbers("long_factor").value_or(std::vector<double>{});
    if (rope.short_factors.empty() || rope.long_factors.empty())
      scaling.fail("short_factor, long_factor", "are missing");
  } else if (type == "dynamic") {
    rope.scaling = RopeScaling::dynamic;
    scaling.refuse_if_set({"alpha"});
  } else {
    scaling.fail("rope_type", "is " + formats::in_quotes(type) + ", which is not supported",
                 ErrorCode::unsupported);
  }
}

void read_object(Settings& settings, const Json& object, const std::string& place, RopeParameters& rope) {
  if (!object.is_object()) return settings.fail(place, "is no object");
  Settings inner(object, "config.json: " + place);
  read_scaling(inner, rope);
  settings.adopt_error(inner);
}

}  // namespace

void read_hf_rope(Settings& settings, const Family& family, Hyperparameters& out) {
  out.rope.theta = settings.number("rope_theta").value_or(family.theta_default);
  out.rope.original_context = settings.number("original_max_position_embeddings").value_or(0.0);
  if (family.local_theta > 0.0) {
    out.local_rope = RopeParameters{};
    out.local_rope->theta = settings.number("rope_local_base_freq").value_or(family.local_theta);
  }
  if (const Json* scaling = settings.find_or_null("rope_scaling"))
    read_object(settings, *scaling, "rope_scaling", out.rope);
  const Json* parameters = settings.find_or_null("rope_parameters");
  if (!parameters) return;
  if (!parameters->is_object()) return settings.fail("rope_parameters", "is no object");
  // Since transformers 5: one object, or one for each kind of layer.
  const auto full = parameters->find("full_attention");
  const auto sliding = parameters->find("sliding_attention");
  if (full == parameters->end() && sliding == parameters->end())
    return read_object(settings, *parameters, "rope_parameters", out.rope);
  if (full != parameters->end()) read_object(settings, *full, "rope_parameters.full_attention", out.rope);
  if (sliding == parameters->end()) return;
  if (!out.local_rope) out.local_rope = RopeParameters{};
  read_object(settings, *sliding, "rope_parameters.sliding_attention", *out.local_rope);
}

}  // namespace fabula::model
