#include "core/model/shapes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "core/formats/quant.h"

using namespace fabula;
using formats::DType;

TEST_CASE("shapes have the sizes of the models they are called after") {
  uint64_t parameters[4] = {};
  int at = 0;
  for (const model::Shape& shape : model::shapes()) {
    const auto made = model::make_synthetic_model(shape.name, DType::q8_0);
    REQUIRE_MESSAGE(made.ok(), made.error().message);
    for (const auto& tensor : made->source->tensors())
      parameters[at] += static_cast<uint64_t>(tensor.elements());
    ++at;
  }
  // As counted by the model cards: 656K, 135M, 1.24B, 8.03B.
  CHECK(parameters[0] == 656000);
  CHECK(parameters[1] == 134515008);
  CHECK(parameters[2] == 1235814400);
  CHECK(parameters[3] == 8030261248);
}

TEST_CASE("synthetic bytes depend on the position alone and decode to sane weights") {
  const auto made = model::make_synthetic_model("story", DType::q4_0);
  REQUIRE(made.ok());
  const auto* tensor = made->source->find_or_null("blk.1.ffn_down.weight");
  REQUIRE(tensor);
  std::vector<std::byte> whole(tensor->bytes), part(1000);
  REQUIRE(made->source->read(*tensor, 0, whole).ok());
  REQUIRE(made->source->read(*tensor, 777, part).ok());
  CHECK(std::memcmp(part.data(), whole.data() + 777, part.size()) == 0);
  CHECK_FALSE(made->source->read(*tensor, tensor->bytes - 1, part).ok());
  std::vector<float> values(static_cast<size_t>(tensor->elements()));
  formats::dequantize(DType::q4_0, whole.data(), values.data(), tensor->elements());
  double squares = 0.0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
  CHECK(deviation > 0.015);
  CHECK(deviation < 0.025);
}

TEST_CASE("an unknown shape or an impossible type is refused by name") {
  CHECK(model::make_synthetic_model("llama-9", DType::f16).error().message.find("smollm2-135m") !=
        std::string::npos);
  CHECK(model::make_synthetic_model("story", DType::iq1_s).error().code == ErrorCode::unsupported);
}
