#include "tests/core/engine/fake_executor.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <thread>
#include <utility>

namespace fabula::test {

namespace {

constexpr int64_t block_tokens = compute::kv_block_tokens;
constexpr uint64_t garbage = 0xdeadbeefdeadbeefull;

uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// What a position leaves behind depends on its token, its place and all before it, as K and V do.
uint64_t slot_value(uint64_t before, int32_t token, int64_t position) {
  return mix(before ^ mix(static_cast<uint64_t>(token) << 32 ^ static_cast<uint64_t>(position)));
}

// Of the row at `position`.
void write_logits(uint64_t state, int32_t token, int64_t position, int64_t end_token_every, bool repetitive,
                  float* out) {
  for (int64_t v = 0; v < fake_vocab; ++v)
    out[v] = static_cast<float>(mix(state ^ static_cast<uint64_t>(v) * 0x100000001b3ull) >> 40) * 0x1p-21f -
             4;  // [-4, 4)
  if (repetitive && state % 16 != 0) out[10 + (token * 7 + 3) % 29] = 60;
  if (end_token_every > 0) out[fake_end_token] = (position + 2) % end_token_every == 0 ? 100.0f : -100.0f;
}

}  // namespace

std::vector<float> fake_logits(std::span<const int32_t> tokens, int64_t end_token_every, bool repetitive) {
  uint64_t before = 0, state = 0;
  int64_t position = 0;
  for (int32_t token : tokens) {
    before = slot_value(before, token, position);
    state += mix(before + static_cast<uint64_t>(position++));
  }
  std::vector<float> logits(fake_vocab);
  write_logits(state, tokens.back(), position - 1, end_token_every, repetitive, logits.data());
  return logits;
}

FakeExecutor::FakeExecutor(std::shared_ptr<FakeDials> dials, const compute::LoadOptions& load,
                           std::string numerics_id)
    : dials_(std::move(dials)),
      load_(load),
      slots_(static_cast<size_t>(load.kv_blocks * block_tokens), garbage) {
  info_.kind = "fake";
  info_.numerics_id = std::move(numerics_id);
  info_.kv_block_bytes = block_tokens * sizeof(uint64_t);
  logits_.resize(static_cast<size_t>(load.max_logit_rows * fake_vocab));
  ++dials_->live;
}

FakeExecutor::~FakeExecutor() {
  --dials_->live;
}

uint64_t& FakeExecutor::slot(std::span<const int32_t> blocks, int64_t position) {
  const int64_t block = blocks[static_cast<size_t>(position / block_tokens)];
  return slots_[static_cast<size_t>(block * block_tokens + position % block_tokens)];
}

Status FakeExecutor::check_step(std::span<const compute::SequenceSlice> batch) const {
  int64_t tokens = 0, rows = 0;
  std::map<int32_t, int> users;
  for (const auto& slice : batch) {
    const auto n = static_cast<int64_t>(slice.tokens.size());
    if (n == 0) return Error{ErrorCode::internal, "an empty slice"};
    if (static_cast<int64_t>(slice.blocks.size()) * block_tokens < slice.start + n)
      return Error{ErrorCode::internal, "a block table that is too short"};
    tokens += n;
    rows += slice.logits == compute::LogitRows::all ? n : slice.logits == compute::LogitRows::last ? 1 : 0;
    for (int32_t block : std::set<int32_t>(slice.blocks.begin(), slice.blocks.end())) {
      if (block < 0 || block >= load_.kv_blocks) return Error{ErrorCode::internal, "no such block"};
      ++users[block];
    }
  }
  if (tokens > load_.max_batch_tokens || rows > load_.max_logit_rows)
    return Error{ErrorCode::internal, "too large a step"};
  for (const auto& slice : batch)
    for (int64_t p = slice.start; p < slice.start + static_cast<int64_t>(slice.tokens.size()); ++p)
      if (users[slice.blocks[static_cast<size_t>(p / block_tokens)]] != 1)
        return Error{ErrorCode::internal, "a block is written that another sequence of the step holds"};
  return {};
}

Status FakeExecutor::forward(std::span<const compute::SequenceSlice> batch,
                             const std::atomic<bool>* abandon) {
  FABULA_TRY(check_step(batch));
  for (int phase = 0; phase < 8; ++phase) {
    if (abandon && *abandon) {
      for (const auto& slice : batch)
        for (size_t i = 0; i < slice.tokens.size(); ++i)
          slot(slice.blocks, slice.start + static_cast<int64_t>(i)) = garbage;
      ++dials_->abandoned;
      return Error{ErrorCode::cancelled, "abandoned"};
    }
    if (const int wait = dials_->phase_microseconds; wait > 0)
      std::this_thread::sleep_for(std::chrono::microseconds(wait));
  }
  float* row = logits_.data();
  int64_t tokens = 0;
  for (const auto& slice : batch) {
    uint64_t state = 0;
    for (int64_t p = 0; p < slice.start; ++p) state += mix(slot(slice.blocks, p) + static_cast<uint64_t>(p));
    for (size_t i = 0; i < slice.tokens.size(); ++i) {
      const int64_t p = slice.start + static_cast<int64_t>(i);
      slot(slice.blocks, p) = slot_value(p > 0 ? slot(slice.blocks, p - 1) : 0, slice.tokens[i], p);
      state += mix(slot(slice.blocks, p) + static_cast<uint64_t>(p));
      const bool last = i + 1 == slice.tokens.size();
      if (slice.logits == compute::LogitRows::none || (slice.logits == compute::LogitRows::last && !last))
        continue;
      write_logits(state, slice.tokens[i], p, dials_->end_token_every, dials_->repetitive, row);
      if (dials_->nan_logits) row[3] = std::numeric_limits<float>::quiet_NaN();
      row += fake_vocab;
    }
    tokens += static_cast<int64_t>(slice.tokens.size());
  }
  dials_->steps += 1;
  dials_->tokens += tokens;
  dials_->largest_batch = std::max<int64_t>(dials_->largest_batch, static_cast<int64_t>(batch.size()));
  dials_->largest_step = std::max<int64_t>(dials_->largest_step, tokens);
  stats_ = {dials_->rows_cost ? 1e-4 * static_cast<double>(tokens) : 1e-4, 1, static_cast<uint64_t>(tokens)};
  return {};
}

void FakeExecutor::copy_block(int32_t from, int32_t to, int tokens) {
  const auto begin = slots_.begin() + from * block_tokens;
  std::copy(begin, begin + tokens, slots_.begin() + to * block_tokens);
  std::fill_n(slots_.begin() + to * block_tokens + tokens, block_tokens - tokens, garbage);
}

Status FakeExecutor::read_block(int32_t block, std::span<std::byte> out) const {
  if (out.size() != info_.kv_block_bytes) return Error{ErrorCode::invalid_argument, "wrong size"};
  std::memcpy(out.data(), slots_.data() + block * block_tokens, out.size());
  return {};
}

Status FakeExecutor::write_block(int32_t block, std::span<const std::byte> bytes) {
  if (bytes.size() != info_.kv_block_bytes) return Error{ErrorCode::invalid_argument, "wrong size"};
  std::memcpy(slots_.data() + block * block_tokens, bytes.data(), bytes.size());
  return {};
}

void FakeExecutor::set_threads(int threads) {
  dials_->threads = threads;
  info_.threads = threads;
}

void FakeExecutor::share_out(int64_t n, const std::function<void(int64_t, int)>& run) {
  const bool two = info_.threads > 1;
  std::thread other;
  if (two)
    other = std::thread([n, &run] {
      for (int64_t i = 1; i < n; i += 2) run(i, 1);
    });
  for (int64_t i = n; i-- > 0;)
    if (!two || i % 2 == 0) run(i, 0);
  if (two) other.join();
}

double FakeExecutor::measure_read_rate(const std::function<bool()>& interrupted) {
  if (interrupted()) return 0;
  return (40 + ++dials_->read_rates_measured) * 1e9;
}

void FakeExecutor::set_hot(bool hot) {
  dials_->hot = hot;
}

namespace {

// Token t reads "t" and a space; 200 and up are bytes of "é" (two bytes) and "界" (three), so that characters
// arrive in pieces.
class FakeTokenizer final : public text::Tokenizer {
 public:
  std::vector<text::TokenId> encode(std::string_view, const text::EncodeOptions&) const override {
    return {};
  }
  std::vector<text::TokenId> encode_with_plain_ranges(std::string_view, std::span<const text::TextRange>,
                                                      bool) const override {
    return {};
  }
  std::string token_bytes(text::TokenId id, bool keep_special) const override {
    static constexpr std::string_view pieces[] = {"\xc3", "\xa9",     "\xe7",        "\x95",
                                                  "\x8c", "\xc3\xa9", "\xe7\x95\x8c"};
    if (id == fake_end_token) return keep_special ? "<end>" : "";
    if (id >= 200 && id < 270) return std::string(pieces[(id - 200) % 7]);
    return std::to_string(id) + " ";
  }
  std::unique_ptr<text::DecodeStream> open_stream(bool keep_special, bool) const override {
    struct Stream final : text::DecodeStream {
      Stream(const FakeTokenizer& owner, bool keep) : tokenizer(owner), keep_special(keep) {}
      void push(text::TokenId id, std::string& out) override {
        out += tokenizer.token_bytes(id, keep_special);
      }
      void finish(std::string&) override {}
      const FakeTokenizer& tokenizer;
      bool keep_special;
    };
    return std::make_unique<Stream>(*this, keep_special);
  }
  int32_t vocab_size() const override { return fake_vocab; }
  text::TokenKind kind(text::TokenId id) const override {
    return id == fake_end_token ? text::TokenKind::control : text::TokenKind::normal;
  }
  text::TokenId find_or_negative(std::string_view) const override { return -1; }
  std::string_view token_text_or_empty(text::TokenId) const override { return ""; }
  text::TokenId bos_or_negative() const override { return -1; }
  text::TokenId eos_or_negative() const override { return fake_end_token; }
  bool adds_bos() const override { return false; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  std::string fingerprint_ = "fake tokenizer";
};

}  // namespace

std::shared_ptr<const model::Model> fake_model(int64_t context, std::string fingerprint) {
  auto model = std::make_shared<model::Model>();
  model->info.name = "fake";
  model->info.fingerprint = std::move(fingerprint);
  model->spec.vocab = fake_vocab;
  model->spec.context_length = context;
  model->spec.n_layers = model->spec.n_kv_heads = 1;
  model->spec.head_dim = 4;
  model->tokenizer = std::make_shared<FakeTokenizer>();
  model->end_tokens = {fake_end_token};
  return model;
}

engine::Backends FakeSetup::backends() const {
  engine::Backends backends;
  backends.open_model =
      [context = context, fingerprint = fingerprint](
          const std::filesystem::path& path, const std::atomic<bool>*) -> Result<std::shared_ptr<const model::Model>> {
    if (path == "missing") return Error{ErrorCode::not_found, "cannot open missing"};
    return fake_model(context, fingerprint);
  };
  backends.make_executor =
      [dials = dials, numerics_id = numerics_id](
          const model::Model&, const engine::ModelLoad&,
          const compute::LoadOptions& load) -> Result<std::unique_ptr<compute::Executor>> {
    for (int i = 0; i <= 200 && dials->slow_load; ++i) {
      if (load.cancel && *load.cancel) return Error{ErrorCode::cancelled, "loading was cancelled"};
      load.on_progress(i / 200.0);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (dials->fail_load) return Error{ErrorCode::out_of_memory, "no memory for the fake"};
    return std::unique_ptr<compute::Executor>(std::make_unique<FakeExecutor>(dials, load, numerics_id));
  };
  return backends;
}

}  // namespace fabula::test
