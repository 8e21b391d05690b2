// A model cut at a layer border and computed by two executors, against one that has it whole.
#include "core/compute/part.h"

#include <doctest/doctest.h>

#include "tests/core/compute/executor_cases.h"

namespace {

using namespace fabula;
using namespace fabula::test;

TEST_CASE("a model cut at any layer gives the bits of the whole one") {
  for (const ModelCase& c : part_cases()) {
    CAPTURE(c.name);
    RandomModel model;
    make_random_model(c.options, model);
    const auto make = [&](const compute::ModelSpec& spec, const compute::LoadOptions& load) {
      return compute::make_cpu_executor(spec, model.source, load, {.threads = 2});
    };
    check_cuts(model, make, make);
  }
}

TEST_CASE("blocks of a cut model are saved, copied and brought back whole") {
  RandomModel model;
  make_random_model(part_cases().front().options, model);
  const auto make = [&](const compute::ModelSpec& spec) {
    return compute::make_cpu_executor(spec, model.source, part_options(), {.threads = 1}).value();
  };
  const auto joined = compute::join_parts(make(compute::part_of(model.spec, 0, 1)), make(compute::part_of(model.spec, 1, 4)), model.spec, 1);
  REQUIRE(joined.ok());
  check_moved_blocks(**joined, model.spec.vocab);
}

TEST_CASE("parts that do not fit each other are refused") {
  RandomModel model;
  make_random_model({}, model);
  const auto make = [&](const compute::ModelSpec& spec) {
    return compute::make_cpu_executor(spec, model.source, part_options(), {.threads = 1}).value();
  };
  CHECK(compute::join_parts(make(model.spec), make(compute::part_of(model.spec, 1, 2)), model.spec, 1).error().code == ErrorCode::internal);
  CHECK(compute::join_parts(make(compute::part_of(model.spec, 0, 1)), make(model.spec), model.spec, 1).error().code == ErrorCode::internal);
}

}  // namespace
