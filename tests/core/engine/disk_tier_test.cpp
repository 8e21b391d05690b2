#include "core/engine/disk_tier.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <random>

#include "tests/core/engine/engine_harness.h"
#include "tests/core/engine/fake_reference.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::engine;
using fabula::test::expected_reply;
using fabula::test::FakeSetup;
using fabula::test::Harness;
using fabula::test::Reply;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t payload_bytes = 512;

KvKey key_of(uint8_t n) {
  KvKey key{};
  key[0] = n;
  return key;
}

std::vector<std::byte> payload(uint8_t n) {
  return std::vector<std::byte>(payload_bytes, std::byte{n});
}

std::vector<DiskTier::Block> fetch(DiskTier& tier, std::vector<KvKey> keys) {
  std::promise<std::vector<DiskTier::Block>> promise;
  tier.fetch(std::move(keys), payload_bytes, [&](auto blocks) { promise.set_value(std::move(blocks)); });
  return promise.get_future().get();
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (fs::exists(folder))
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

std::string bytes_of(const fs::path& path) {
  return test::read_text(path);
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void fill(const fs::path& folder, std::vector<uint8_t> names, uint64_t cap = 1 << 20) {
  DiskTier tier(folder, cap, nullptr, [] {});
  tier.wait_until_scanned();
  for (uint8_t n : names) REQUIRE(tier.offer(key_of(n), payload(n)));
}

std::vector<int32_t> some_prompt(uint64_t seed, size_t n) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> prompt(n);
  for (int32_t& token : prompt) token = static_cast<int32_t>(10 + random() % 280);
  return prompt;
}

GenerateRequest request_of(ModelId model, std::vector<int32_t> prompt) {
  GenerateRequest request;
  request.model = model;
  request.prompt = std::move(prompt);
  request.max_tokens = 30;
  request.seed = 3;
  return request;
}

Reply run_once(const FakeSetup& setup, const fs::path& folder, const std::vector<int32_t>& prompt) {
  EngineOptions options;
  options.backends = setup.backends();
  options.kv_folder = folder;
  Harness harness(options);
  const auto request = request_of(harness.load(), prompt);
  const Reply reply = harness.run(request);
  CHECK(reply.tokens == expected_reply(request, setup.context).tokens);
  return reply;
}

}  // namespace

TEST_CASE("blocks survive a restart, in order, up to the first that is missing") {
  const test::TemporaryFolder folder;
  fill(folder.path() / "kv", {1, 2, 4});
  DiskTier tier(folder.path() / "kv", 1 << 20, nullptr, [] {});
  tier.wait_until_scanned();
  CHECK(tier.contains(key_of(2)));
  CHECK(!tier.contains(key_of(3)));
  const auto blocks = fetch(tier, {key_of(1), key_of(2), key_of(3), key_of(4)});
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[1].bytes == payload(2));
}

TEST_CASE("every damaged file is refused and deleted: each byte flipped, each length, another's content") {
  const test::TemporaryFolder folder;
  fill(folder.path(), {1, 2});
  const auto files = files_in(folder.path());
  REQUIRE(files.size() == 2);
  const std::string good = bytes_of(files[0]);
  std::vector<std::string> bad;
  for (size_t i = 0; i < good.size(); ++i) {
    bad.push_back(good);
    bad.back()[i] = static_cast<char>(bad.back()[i] ^ 1 << i % 8);
  }
  for (size_t n = 0; n < good.size(); n += n < 100 ? 1 : 37) bad.push_back(good.substr(0, n));
  bad.push_back(good + 'x');
  bad.push_back(bytes_of(files[1]));
  for (const std::string& bytes : bad) {
    write_bytes(files[0], bytes);
    DiskTier tier(folder.path(), 1 << 20, nullptr, [] {});
    tier.wait_until_scanned();
    REQUIRE(fetch(tier, {key_of(1)}).empty());
    REQUIRE(!fs::exists(files[0]));
    REQUIRE(!tier.contains(key_of(1)));
  }
  write_bytes(files[0], good);
  DiskTier tier(folder.path(), 1 << 20, nullptr, [] {});
  tier.wait_until_scanned();
  CHECK(fetch(tier, {key_of(1)}).size() == 1);
}

TEST_CASE("the folder stays below its cap; what was not used for longest goes") {
  const test::TemporaryFolder folder;
  const uint64_t file_bytes = payload_bytes + 56 + 32;
  fill(folder.path(), {1, 2, 3, 4, 5}, 3 * file_bytes);
  CHECK(files_in(folder.path()).size() == 3);
  {
    DiskTier tier(folder.path(), 3 * file_bytes, nullptr, [] {});
    tier.wait_until_scanned();
    CHECK(!tier.contains(key_of(2)));
    CHECK(fetch(tier, {key_of(3)}).size() == 1);  // used now
    REQUIRE(tier.offer(key_of(6), payload(6)));
    (void)fetch(tier, {key_of(3)});
  }
  DiskTier tier(folder.path(), 3 * file_bytes, nullptr, [] {});
  tier.wait_until_scanned();
  CHECK(tier.contains(key_of(3)));
  CHECK(tier.contains(key_of(6)));
  CHECK(!tier.contains(key_of(4)));
  CHECK(tier.bytes_on_disk() == 3 * file_bytes);
}

TEST_CASE("strange files in the folder are left alone, left-overs of a crash are not") {
  const test::TemporaryFolder folder;
  write_bytes(folder.path() / "notes.txt", "mine");
  write_bytes(folder.path() / (std::string(64, 'g') + ".kv"), "no hexadecimal name");
  write_bytes(folder.path() / (std::string(64, 'a') + ".kv.new"), "half");
  fill(folder.path(), {1});
  CHECK(files_in(folder.path()).size() == 3);
  CHECK(fs::exists(folder.path() / "notes.txt"));
}

TEST_CASE("where nothing can be written, one warning is logged and nothing else happens") {
  struct Log final : LogSink {
    void write(LogLevel level, std::string_view) override { warnings += level == LogLevel::warning; }
    std::atomic<int> warnings{0};
  } log;
  const test::TemporaryFolder folder;
  write_bytes(folder.path() / "kv", "a file where the folder should be");
  {
    DiskTier tier(folder.path() / "kv", 1 << 20, &log, [] {});
    tier.wait_until_scanned();
    (void)tier.offer(key_of(1), payload(1));
    (void)fetch(tier, {key_of(9)});
    while (tier.has_room()) std::this_thread::yield();
    CHECK(!tier.offer(key_of(2), payload(2)));
  }
  CHECK(log.warnings == 1);
}

TEST_CASE("after a restart at most one block is read again, and the words are the same") {
  const test::TemporaryFolder folder;
  FakeSetup setup;
  const auto prompt = some_prompt(1, 700);
  CHECK(run_once(setup, folder.path(), prompt).prompt.reused == 0);
  const Reply again = run_once(setup, folder.path(), prompt);
  CHECK(again.prompt.reused == 640);
  auto branch = prompt;
  branch.resize(300);
  branch.push_back(11);
  CHECK(run_once(setup, folder.path(), branch).prompt.reused == 256);
}

TEST_CASE("another model's or other numerics' blocks are never used") {
  const test::TemporaryFolder folder;
  FakeSetup setup, other_model, other_numerics;
  other_model.fingerprint = "another model";
  other_numerics.numerics_id = "other numerics";
  const auto prompt = some_prompt(2, 300);
  (void)run_once(setup, folder.path(), prompt);
  CHECK(run_once(other_model, folder.path(), prompt).prompt.reused == 0);
  CHECK(run_once(other_numerics, folder.path(), prompt).prompt.reused == 0);
  CHECK(run_once(setup, folder.path(), prompt).prompt.reused == 256);
}

TEST_CASE("damaged files are read anew silently, whichever they are") {
  std::mt19937_64 random(test::seed());
  const test::TemporaryFolder folder;
  FakeSetup setup;
  const auto prompt = some_prompt(3, 500);
  (void)run_once(setup, folder.path(), prompt);
  for (int round = 0; round < 20; ++round) {
    const auto files = files_in(folder.path());
    REQUIRE(files.size() >= 7);
    const fs::path& victim = files[random() % files.size()];
    std::string bytes = bytes_of(victim);
    if (random() % 3 == 0) {
      bytes.resize(random() % bytes.size());
    } else {
      char& c = bytes[random() % bytes.size()];
      c = static_cast<char>(c ^ 1 << random() % 8);
    }
    write_bytes(victim, bytes);
    (void)run_once(setup, folder.path(), prompt);  // checks the words; writes what was missing
  }
  CHECK(run_once(setup, folder.path(), prompt).prompt.reused == 448);
}

TEST_CASE("blocks pushed out of a small KV memory come back from disk") {
  const test::TemporaryFolder folder;
  FakeSetup setup;
  setup.context = 512;
  EngineOptions options;
  options.backends = setup.backends();
  options.kv_folder = folder.path();
  options.kv_ram_bytes = 1;
  Harness harness(options);
  const ModelId model = harness.load();
  for (int round = 0; round < 3; ++round)
    for (uint64_t i = 0; i < 4; ++i) {
      const auto request = request_of(model, some_prompt(50 + i, 400));
      const Reply reply = harness.run(request);
      CHECK(reply.tokens == expected_reply(request, setup.context).tokens);
      if (round > 0) CHECK(reply.prompt.reused >= 384);
      // Idle moments put everything on disk.
      harness.wait_until([&] { return files_in(folder.path()).size() >= 6 * (round > 0 ? 4 : i + 1); });
    }
}
