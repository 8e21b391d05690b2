// Samples stories in bulk from TinyStories-656K at temperature 1: the text that our own model learns from (README.md, step 2).
// A server keeps each request's KV cache in pages and answers token by token; here nobody waits for a single story, so
// sequences lie across the SIMD lanes instead: tens of thousands of tokens per second on one core.
//
//   sample_stories WEIGHTS OUTPUT TOKENS SEED      WEIGHTS: f32 as export_teacher.py writes them; OUTPUT: uint16 ids, appended
//
// Every lane is one story. A lane that ends starts its next story at once, at the running position: RoPE sees
// differences only.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

constexpr int kLanes = 32;    // two AVX-512 registers
constexpr int kHidden = 128, kFfn = 384, kLayers = 2, kHeads = 8, kKvHeads = 4, kHeadDim = 16, kVocab = 2048, kContext = 512;
constexpr int kKv = kKvHeads * kHeadDim;
constexpr float kEpsilon = 1e-6F;
constexpr uint16_t kBos = 1, kEos = 2;

using Lanes = float[kLanes];

struct Layer {
  const float *norm1, *q, *k, *v, *o, *norm2, *gate, *up, *down;
};

struct Model {
  std::vector<float> data;
  const float* embedding;  // (kVocab, kHidden), also the head
  Layer layers[kLayers];
  const float* norm;
};

bool load(const char* path, Model& model) {
  constexpr size_t kPerLayer = 2 * kHidden + 2 * kHidden * kHidden + 2 * kKv * kHidden + 3 * kFfn * kHidden;
  model.data.resize(kVocab * kHidden + kLayers * kPerLayer + kHidden);
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "rb"), std::fclose);
  if (!file || std::fread(model.data.data(), 4, model.data.size(), file.get()) != model.data.size()) return false;
  const float* p = model.data.data();
  const auto take = [&](size_t n) { const float* at = p; p += n; return at; };
  model.embedding = take(kVocab * kHidden);
  for (Layer& l : model.layers) {
    l.norm1 = take(kHidden);
    l.q = take(kHidden * kHidden);
    l.k = take(kKv * kHidden);
    l.v = take(kKv * kHidden);
    l.o = take(kHidden * kHidden);
    l.norm2 = take(kHidden);
    l.gate = take(kFfn * kHidden);
    l.up = take(kFfn * kHidden);
    l.down = take(kHidden * kFfn);
  }
  model.norm = take(kHidden);
  return true;
}

// out(rows, lanes) = w(rows, columns) x(columns, lanes): eight rows at a time stay in registers.
void multiply(const float* w, const Lanes* x, Lanes* out, int rows, int columns) {
  constexpr int kRows = 8, kPerLanes = kLanes / 16;
  using Register = float __attribute__((vector_size(64), may_alias));
  for (int r = 0; r < rows; r += kRows) {
    Register acc[kRows][kPerLanes] = {};
    for (int c = 0; c < columns; ++c) {
      const auto* in = reinterpret_cast<const Register*>(x[c]);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const float weight = w[(r + i) * columns + c];
#pragma GCC unroll 2
        for (int j = 0; j < kPerLanes; ++j) acc[i][j] += weight * in[j];
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < kPerLanes; ++j) reinterpret_cast<Register*>(out[r + i])[j] = acc[i][j];
    }
  }
}

void normalise(const Lanes* x, const float* weight, Lanes* out) {
  Lanes sum = {};
  for (int c = 0; c < kHidden; ++c) {
    for (int l = 0; l < kLanes; ++l) sum[l] += x[c][l] * x[c][l];
  }
  for (int l = 0; l < kLanes; ++l) sum[l] = 1 / std::sqrt(sum[l] / kHidden + kEpsilon);
  for (int c = 0; c < kHidden; ++c) {
    for (int l = 0; l < kLanes; ++l) out[c][l] = x[c][l] * sum[l] * weight[c];
  }
}

void rotate(Lanes* x, int heads, int64_t position) {
  constexpr int kHalf = kHeadDim / 2;
  for (int i = 0; i < kHalf; ++i) {
    const double angle = static_cast<double>(position) * std::pow(10000.0, -2.0 * i / kHeadDim);
    const auto c = static_cast<float>(std::cos(angle)), s = static_cast<float>(std::sin(angle));
    for (int h = 0; h < heads; ++h) {
      Lanes &a = x[h * kHeadDim + i], &b = x[h * kHeadDim + i + kHalf];
      for (int l = 0; l < kLanes; ++l) {
        const float first = a[l], second = b[l];
        a[l] = first * c - second * s;
        b[l] = second * c + first * s;
      }
    }
  }
}

class Sampler {
 public:
  Sampler(const Model& model, uint64_t seed) : model_(model), cache_(new Cache()) {
    for (int l = 0; l < kLanes; ++l) {
      random_[l] = (seed * 1000003 + static_cast<uint64_t>(l) + 1) * 0x9E3779B97F4A7C15ULL;
      tokens_[l] = kBos;
      start_[l] = 0;
    }
  }

  // One token further on every lane; finished stories (BOS … EOS) are appended to `out`.
  void step(std::vector<uint16_t>& out) {
    forward();
    choose();
    ++position_;
    for (int l = 0; l < kLanes; ++l) {
      const bool full = position_ - start_[l] >= kContext - 1;
      stories_[l].push_back(static_cast<uint16_t>(next_[l]));
      if (next_[l] != kEos && !full) {
        tokens_[l] = next_[l];
        continue;
      }
      if (next_[l] == kEos) {  // one that found no end within the context is no story: left out
        out.push_back(kBos);
        out.insert(out.end(), stories_[l].begin(), stories_[l].end());
      }
      stories_[l].clear();
      tokens_[l] = kBos;
      start_[l] = position_;
    }
  }

 private:
  struct Cache {  // keys lie across positions, values across dimensions: both as the loops of attend_lane read them
    float k[kLayers][kKvHeads][kLanes][kHeadDim][kContext], v[kLayers][kKvHeads][kLanes][kContext][kHeadDim];
  };

  void forward() {
    for (int c = 0; c < kHidden; ++c) {
      for (int l = 0; l < kLanes; ++l) x_[c][l] = model_.embedding[tokens_[l] * kHidden + c];
    }
    for (int i = 0; i < kLayers; ++i) {
      const Layer& layer = model_.layers[i];
      normalise(x_, layer.norm1, normed_);
      attend(layer, i);
      normalise(x_, layer.norm2, normed_);
      multiply(layer.gate, normed_, gate_, kFfn, kHidden);
      multiply(layer.up, normed_, up_, kFfn, kHidden);
      for (int c = 0; c < kFfn; ++c) {
        for (int l = 0; l < kLanes; ++l) gate_[c][l] = gate_[c][l] / (1 + std::exp(-gate_[c][l])) * up_[c][l];
      }
      multiply(layer.down, gate_, normed_, kHidden, kFfn);
      add(normed_);
    }
    normalise(x_, model_.norm, normed_);
    multiply(model_.embedding, normed_, logits_, kVocab, kHidden);
  }

  void attend(const Layer& layer, int index) {
    multiply(layer.q, normed_, q_, kHidden, kHidden);
    multiply(layer.k, normed_, k_, kKv, kHidden);
    multiply(layer.v, normed_, v_, kKv, kHidden);
    rotate(q_, kHeads, position_);
    rotate(k_, kKvHeads, position_);
    for (int kv = 0; kv < kKvHeads; ++kv) {
      for (int l = 0; l < kLanes; ++l) attend_lane(index, kv, l);
    }
    multiply(layer.o, mixed_, normed_, kHidden, kHidden);
    add(normed_);
  }

  // The heads that share one KV head, for the story on one lane.
  void attend_lane(int layer, int kv, int lane) {
    const int64_t last = position_ - start_[lane];
    float(*k)[kContext] = cache_->k[layer][kv][lane];
    float(*v)[kHeadDim] = cache_->v[layer][kv][lane];
    for (int c = 0; c < kHeadDim; ++c) {
      k[c][last] = k_[kv * kHeadDim + c][lane];
      v[last][c] = v_[kv * kHeadDim + c][lane];
    }
    constexpr int kShared = kHeads / kKvHeads;
    for (int h = kv * kShared; h < (kv + 1) * kShared; ++h) {
      constexpr int kBlock = 16;
      float highest = -1e30F, sum = 0, acc[kHeadDim] = {}, q[kHeadDim];
      for (int c = 0; c < kHeadDim; ++c) q[c] = q_[h * kHeadDim + c][lane] * 0.25F;  // 1 / sqrt(kHeadDim)
      for (int64_t p = 0; p <= last; p += kBlock) {
        float dot[kBlock] = {};
        for (int c = 0; c < kHeadDim; ++c) {
          for (int i = 0; i < kBlock; ++i) dot[i] += q[c] * k[c][p + i];
        }
        std::copy(dot, dot + kBlock, scores_ + p);
      }
      for (int64_t p = 0; p <= last; ++p) highest = std::max(highest, scores_[p]);
      for (int64_t p = 0; p <= last; ++p) {
        scores_[p] = std::exp(scores_[p] - highest);
        sum += scores_[p];
      }
      for (int64_t p = 0; p <= last; ++p) {
        for (int c = 0; c < kHeadDim; ++c) acc[c] += scores_[p] * v[p][c];
      }
      for (int c = 0; c < kHeadDim; ++c) mixed_[h * kHeadDim + c][lane] = acc[c] / sum;
    }
  }

  void add(const Lanes* y) {
    for (int c = 0; c < kHidden; ++c) {
      for (int l = 0; l < kLanes; ++l) x_[c][l] += y[c][l];
    }
  }

  // Inverse of the distribution function: the number of tokens whose cumulative weight stays below u times the sum.
  void choose() {
    Lanes highest, sum = {}, running = {};
    std::fill(highest, highest + kLanes, -1e30F);
    for (const Lanes& row : logits_) {
      for (int l = 0; l < kLanes; ++l) highest[l] = std::max(highest[l], row[l]);
    }
    for (int t = 0; t < kVocab; ++t) {
      for (int l = 0; l < kLanes; ++l) {
        weights_[t][l] = std::exp(logits_[t][l] - highest[l]);
        sum[l] += weights_[t][l];
      }
    }
    for (int l = 0; l < kLanes; ++l) {
      uint64_t& r = random_[l];
      r ^= r << 13;
      r ^= r >> 7;
      r ^= r << 17;
      sum[l] *= static_cast<float>(r >> 40) * 0x1p-24F;
      next_[l] = 0;
    }
    for (int t = 0; t < kVocab; ++t) {
      for (int l = 0; l < kLanes; ++l) {
        running[l] += weights_[t][l];
        next_[l] += running[l] <= sum[l] ? 1 : 0;
      }
    }
    for (int l = 0; l < kLanes; ++l) next_[l] = std::min(next_[l], kVocab - 1);
  }

  const Model& model_;
  std::unique_ptr<Cache> cache_;
  int64_t position_ = 0;
  int64_t start_[kLanes];
  int32_t tokens_[kLanes], next_[kLanes];
  uint64_t random_[kLanes];
  std::vector<uint16_t> stories_[kLanes];
  alignas(64) Lanes x_[kHidden], normed_[kHidden], q_[kHidden], k_[kKv], v_[kKv], mixed_[kHidden],
      gate_[kFfn], up_[kFfn];
  alignas(64) float scores_[kContext];
  alignas(64) Lanes logits_[kVocab], weights_[kVocab];
};

}  // namespace

int main(int argc, char** argv) {
  Model model;
  if (argc != 5 || !load(argv[1], model)) {
    std::fprintf(stderr, "sample_stories WEIGHTS OUTPUT TOKENS SEED\n");
    return 2;
  }
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(argv[2], "ab"), std::fclose);
  if (!file) return 1;
  const auto sampler = std::make_unique<Sampler>(model, std::strtoull(argv[4], nullptr, 10));
  const uint64_t wanted = std::strtoull(argv[3], nullptr, 10);
  std::vector<uint16_t> out;
  for (uint64_t written = 0; written < wanted;) {
    sampler->step(out);
    if (out.size() < 1 << 16) continue;
    if (std::fwrite(out.data(), 2, out.size(), file.get()) != out.size() || std::fflush(file.get()) != 0) return 1;
    written += out.size();
    out.clear();
  }
  return 0;
}
