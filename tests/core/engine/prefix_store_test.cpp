#include "core/base/memory_info.h"
#include "core/engine/prefix_store.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "core/engine/kv_budget.h"

using namespace fabula;
using namespace fabula::engine;

namespace {

std::vector<int32_t> run_of(int32_t first, size_t n) {
  std::vector<int32_t> tokens(n);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// Files a fresh block as a sequence would, then lets go of it.
int32_t file(KvPool& pool, PrefixStore& store, const KvKey& parent, const std::vector<int32_t>& tokens) {
  const int32_t block = pool.take_or_negative();
  REQUIRE(block >= 0);
  store.insert(parent, tokens, block);
  pool.release(block);
  return block;
}

}  // namespace

TEST_CASE("a block is found by its parent and the longest common head of its tokens") {
  KvPool pool(8);
  PrefixStore store(pool);
  const KvKey root = root_key("model", "numerics"), elsewhere = root_key("model", "other numerics");
  const auto tokens = run_of(0, 64);
  const int32_t block = file(pool, store, root, tokens);
  CHECK(store.find(root, tokens).block == block);
  CHECK(store.find(root, tokens).common == 64);
  CHECK(store.find(root, std::span(tokens).first(10)).common == 10);
  auto other = tokens;
  other[20] = 1000;
  CHECK(store.find(root, other).common == 20);
  CHECK(store.find(root, run_of(1, 64)).block == -1);
  CHECK(store.find(elsewhere, tokens).block == -1);
  CHECK(store.contains_full(root, child_key(root, tokens)));
  CHECK(store.key_of(block) == child_key(root, tokens));

  const int32_t twin = file(pool, store, root, other);
  CHECK(store.find(root, other).block == twin);
  CHECK(pool.used() == 2);
}

TEST_CASE("keys depend on model, numerics, and every token before") {
  CHECK(root_key("ab", "c") != root_key("a", "bc"));
  const KvKey root = root_key("m", "n");
  const auto a = run_of(0, 64), b = run_of(1, 64);
  CHECK(child_key(child_key(root, a), b) != child_key(child_key(root, b), b));
  CHECK(child_key(root, std::span(a).first(63)) != child_key(root, a));
}

TEST_CASE("a longer block takes the place of its head, unless somebody holds that") {
  KvPool pool(8);
  PrefixStore store(pool);
  const KvKey root = root_key("m", "n");
  const int32_t head = file(pool, store, root, run_of(0, 10));
  const int32_t longer = file(pool, store, root, run_of(0, 30));
  CHECK(pool.used() == 1);
  CHECK(!store.holds(head));
  pool.retain(longer);  // a sequence copies from it
  const int32_t longest = file(pool, store, root, run_of(0, 40));
  CHECK(pool.used() == 2);
  CHECK(store.find(root, run_of(0, 64)).block == longest);
  CHECK(store.holds(longer));
  const int32_t spare = pool.take_or_negative();
  CHECK(!store.insert(root, run_of(0, 20), spare));  // shorter than what is filed
}

TEST_CASE("the least recently used leaf goes first, held blocks never") {
  KvPool pool(4);
  PrefixStore store(pool);
  const KvKey root = root_key("m", "n");
  const int32_t a = file(pool, store, root, run_of(0, 64));
  const int32_t a2 = file(pool, store, store.key_of(a), run_of(64, 64));
  const int32_t b = file(pool, store, root, run_of(500, 64));
  const int32_t path[] = {a, a2};
  store.touch(path);
  store.evict(store.oldest_or_negative());
  CHECK(!store.holds(b));
  store.evict(store.oldest_or_negative());
  CHECK(!store.holds(a2));  // the leaf before its parent
  CHECK(store.holds(a));
  pool.retain(a);
  CHECK(store.oldest_or_negative() == -1);
  pool.release(a);
  store.clear();
  CHECK(pool.used() == 0);
}

TEST_CASE("the KV memory holds a full context always, more where there is memory, never without bound") {
  const uint64_t block = 1 << 20;
  CHECK(kv_blocks_for(8192, block, 1, 0) == 129);
  CHECK(kv_blocks_for(8192, block, 0, 0) == 129);
  CHECK(kv_blocks_for(8192, block, 500 << 20, 0) == 500);
  CHECK(kv_blocks_for(8192, block, 0, uint64_t{8} << 30) == 1024);
  CHECK(kv_blocks_for(8192, block, 0, uint64_t{800} << 30) == 2048);
  CHECK(kv_blocks_for(100, 64, 0, uint64_t{8} << 30) == 48);
  CHECK(kv_blocks_for(1'000'000, block, 0, uint64_t{8} << 30) == 15626);
  CHECK(available_memory_bytes() > 0);

  compute::ModelSpec spec;
  spec.n_layers = 30;
  spec.n_kv_heads = 3;
  spec.head_dim = 64;
  CHECK(estimated_block_bytes(spec, compute::KvPrecision::f16) == 30 * 3 * 64 * 2 * 2 * 64);
  CHECK(estimated_block_bytes(spec, compute::KvPrecision::f32) == 30 * 3 * 64 * 2 * 4 * 64);
  CHECK(estimated_block_bytes(spec, compute::KvPrecision::q8_0) == 30 * 3 * 64 * 2 * 64 / 32 * 34);
}
