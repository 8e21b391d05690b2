#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/support/support.h"

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  std::printf("FABULA_SEED=%llu\n", static_cast<unsigned long long>(fabula::test::seed()));
  return context.run();
}
