// What the engine does while nobody asks for anything: it measures how fast memory is, and sleeps.
#include <doctest/doctest.h>

#include <chrono>
#include <ctime>
#include <thread>

#include "core/engine/metrics_cells.h"
#include "tests/core/engine/engine_harness.h"
#include "tests/core/engine/fake_requests.h"

using namespace fabula;
using namespace fabula::engine;
using fabula::test::FakeSetup;
using fabula::test::Harness;
using fabula::test::options_of;
using fabula::test::request_of;
using fabula::test::some_prompt;

TEST_CASE("an idle engine uses no processor time") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  (void)harness.run(request_of(model, some_prompt(1, 10), 5));
  harness.wait_until([&] { return harness.engine().metrics().active_requests == 0; });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC < 0.03);
}

TEST_CASE("the reading peak is measured once after a load, and again for another number of workers") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  CHECK(harness.engine().metrics().peak_read_gb_per_second == 0);
  const ModelId model = harness.load();
  harness.wait_until([&] { return harness.engine().metrics().peak_read_gb_per_second == 41; });
  for (int i = 0; i < 3; ++i) (void)harness.run(request_of(model, some_prompt(1, 10), 5));
  CHECK(setup.dials->read_rates_measured == 1);
  harness.engine().set_threads(model, 2);
  harness.wait_until([&] { return harness.engine().metrics().peak_read_gb_per_second == 42; });
}

TEST_CASE("the share shown is that of the model that works") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId first = harness.load();
  harness.wait_until([&] { return harness.engine().metrics().peak_read_gb_per_second == 41; });
  harness.load();
  harness.wait_until([&] { return harness.engine().metrics().peak_read_gb_per_second == 42; });
  (void)harness.run(request_of(first, some_prompt(1, 10), 5));
  CHECK(harness.engine().metrics().peak_read_gb_per_second == 41);
}

TEST_CASE("the peak is measured anew after work, but not every time") {
  PeakWatch watch;
  CHECK(watch.is_due(0));
  watch.measured(30, 5);
  CHECK_FALSE(watch.is_due(1000));  // nothing was done since
  watch.worked();
  CHECK_FALSE(watch.is_due(5 + PeakWatch::seconds_between));
  CHECK(watch.is_due(5.1 + PeakWatch::seconds_between));
  watch.measured(31, 50);
  CHECK_FALSE(watch.is_due(1000));
  watch.forget();
  CHECK(watch.is_due(50));
  CHECK(watch.gb_per_second() == 31);
}
