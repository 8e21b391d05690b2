// The same test bodies for the emulated device and a real one: each executable links one of them.
#pragma once

#include <memory>
#include <string>

#include "core/compute/executor.h"
#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/random_model.h"

namespace fabula::test {

// Empty: there is a device. Else why the tests are skipped.
std::string why_no_device();

std::unique_ptr<compute::Executor> load_on_gpu(const compute::ModelSpec& spec, const formats::TensorSource& source, compute::LoadOptions options);

}  // namespace fabula::test

#define FABULA_REQUIRE_DEVICE()                                   \
  if (const std::string why = fabula::test::why_no_device(); !why.empty()) { \
    MESSAGE("skipped: ", why);                                    \
    return;                                                       \
  }
