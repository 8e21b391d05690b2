#include "core/text/bpe.h"

#include <algorithm>
#include <limits>

namespace fabula::text {

namespace {

constexpr int32_t kNoMerge = std::numeric_limits<int32_t>::max();

// Words of this many symbols are merged by scanning an array; measured faster than the heap up to about 40.
constexpr size_t kShortWord = 32;

void merge_short(const MergeTable& merges, std::vector<int32_t>& symbols, BpeScratch& scratch) {
  size_t n = symbols.size();
  auto& ranks = scratch.ranks;  // of the pair (i, i + 1)
  auto& results = scratch.results;
  ranks.resize(n);
  results.resize(n);
  const auto look_up = [&](size_t i) {
    const auto* merge = i + 1 < n ? merges.find_or_null(symbols[i], symbols[i + 1]) : nullptr;
    ranks[i] = merge ? merge->rank : kNoMerge;
    results[i] = merge ? merge->result : 0;
  };
  for (size_t i = 0; i < n; ++i) look_up(i);
  while (n > 1) {
    const auto best = static_cast<size_t>(std::min_element(ranks.data(), ranks.data() + n) - ranks.data());
    if (ranks[best] == kNoMerge) break;
    symbols[best] = results[best];
    const auto drop = [&](std::vector<int32_t>& of) {
      std::copy(of.data() + best + 2, of.data() + n, of.data() + best + 1);
    };
    drop(symbols);
    drop(ranks);
    drop(results);
    --n;
    look_up(best);
    if (best > 0) look_up(best - 1);
  }
  symbols.resize(n);
}

// std:: heaps keep the largest on top, so "later" means lower rank first, then further left.
bool later(const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
}

void merge_long(const MergeTable& merges, std::vector<int32_t>& symbols, BpeScratch& scratch) {
  auto& nodes = scratch.nodes;
  auto& heap = scratch.heap;
  const auto n = static_cast<int32_t>(symbols.size());
  nodes.resize(symbols.size());
  heap.clear();
  for (int32_t i = 0; i < n; ++i)
    nodes[static_cast<size_t>(i)] = {symbols[static_cast<size_t>(i)], i - 1, i + 1 < n ? i + 1 : -1};
  const auto node = [&](int32_t i) -> BpeScratch::Node& { return nodes[static_cast<size_t>(i)]; };
  const auto candidate_at = [&](int32_t at, bool& found) {
    const int32_t left = node(at).id, right = node(node(at).next).id;
    const auto* merge = merges.find_or_null(left, right);
    found = merge != nullptr;
    return found ? BpeScratch::Candidate{merge->rank, at, left, right, merge->result}
                 : BpeScratch::Candidate{};
  };
  bool found = false;
  for (int32_t i = 0; i + 1 < n; ++i) {
    const auto candidate = candidate_at(i, found);
    if (found) heap.push_back(candidate);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  const auto push = [&](int32_t at) {
    if (at < 0 || node(at).next < 0) return;
    const auto candidate = candidate_at(at, found);
    if (!found) return;
    heap.push_back(candidate);
    std::push_heap(heap.begin(), heap.end(), later);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto best = heap.back();
    heap.pop_back();
    auto& left = node(best.at);
    if (left.id != best.left || left.next < 0 || node(left.next).id != best.right) continue;  // outdated
    auto& right = node(left.next);
    left.id = best.result;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) node(left.next).previous = best.at;
    push(left.previous);
    push(best.at);
  }
  symbols.clear();
  for (int32_t i = 0; i >= 0; i = node(i).next) symbols.push_back(node(i).id);
}

}  // namespace

void MergeTable::reserve(size_t merges) {
  while (slots_.size() < merges * 2) grow();
}

void MergeTable::grow() {
  std::vector<Slot> old = std::move(slots_);
  slots_.assign(old.empty() ? 64 : old.size() * 2, Slot{kEmpty, {0, 0}});
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.key == kEmpty) continue;
    size_t at = slot_of(slot.key);
    while (slots_[at].key != kEmpty) at = (at + 1) & mask_;
    slots_[at] = slot;
  }
}

void MergeTable::insert(int32_t left, int32_t right, Merge merge, bool overwrite) {
  if (slots_.size() < (used_ + 1) * 2) grow();
  const uint64_t key = key_of(left, right);
  size_t at = slot_of(key);
  while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & mask_;
  if (slots_[at].key == key && !overwrite) return;
  if (slots_[at].key == kEmpty) ++used_;
  slots_[at] = {key, merge};
}

void bpe_merge(const MergeTable& merges, std::vector<int32_t>& symbols, BpeScratch& scratch) {
  if (symbols.size() < 2) return;
  if (symbols.size() <= kShortWord)
    merge_short(merges, symbols, scratch);
  else
    merge_long(merges, symbols, scratch);
}

}  // namespace fabula::text
