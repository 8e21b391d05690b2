// A transformer by the textbook, in double, one token after the other; shares no code with the engine.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/formats/quant.h"
#include "tests/core/compute/random_model.h"

namespace fabula::test {

namespace {

using compute::Activation;
using compute::LayerSpec;
using compute::MatrixRef;
using compute::ModelSpec;
using compute::VectorRef;
using Row = std::vector<double>;

class Reference {
 public:
  Reference(const ModelSpec& spec, const formats::TensorSource& source, Inputs inputs = Inputs::exact)
      : spec_(spec), source_(source), inputs_(inputs), keys_(spec.layers.size()), values_(spec.layers.size()) {}

  Row token(int32_t id, int64_t position) {
    Row h(static_cast<size_t>(spec_.hidden));
    const Row& embedding = tensor(spec_.embedding.tensor);
    for (size_t i = 0; i < h.size(); ++i)
      h[i] = embedding[static_cast<size_t>(spec_.embedding.row_begin + id) * h.size() + i] * double{spec_.embedding_scale};
    for (size_t l = 0; l < spec_.layers.size(); ++l) {
      const LayerSpec& layer = spec_.layers[l];
      add(h, norm(attention(l, norm(h, layer.attention_norm, layer.attention_norm_bias), position), layer.post_attention_norm, {}));
      add(h, norm(feed_forward(layer, norm(h, layer.ffn_norm, layer.ffn_norm_bias)), layer.post_ffn_norm, {}));
    }
    Row logits = times(spec_.head, norm(h, spec_.final_norm, spec_.final_norm_bias), spec_.head_bias);
    for (double& x : logits) {
      x *= double{spec_.logit_scale};
      if (spec_.final_softcap != 0) x = double{spec_.final_softcap} * std::tanh(x / double{spec_.final_softcap});
    }
    return logits;
  }

 private:
  const Row& tensor(const formats::TensorInfo* info) {
    auto& row = tensors_[info];
    if (!row.empty()) return row;
    std::vector<std::byte> stored(info->bytes);
    std::vector<float> floats(static_cast<size_t>(info->elements()));
    if (source_.read(*info, 0, stored).ok()) formats::dequantize(info->type, stored.data(), floats.data(), info->elements());
    row.assign(floats.begin(), floats.end());
    return row;
  }

  void add(Row& h, const Row& branch) const {
    for (size_t i = 0; i < h.size(); ++i) h[i] += branch[i] * double{spec_.residual_scale};
  }

  // The values that 8 bits leave of a row. Blocks are measured against the root mean square of `group` entries.
  static Row in_int8(Row x, size_t group) {
    for (size_t begin = 0; begin < x.size(); begin += group) {
      const auto first = x.begin() + static_cast<std::ptrdiff_t>(begin), last = first + static_cast<std::ptrdiff_t>(group);
      const double usual = std::sqrt(std::inner_product(first, last, first, 0.0) / static_cast<double>(group));
      for (auto block = first; block < last; block += 32) {
        double largest = 0;
        for (auto v = block; v < block + 32; ++v) largest = std::max(largest, std::abs(*v));
        if (largest == 0) continue;
        const double step = largest / 127, fine = step / 254;
        for (auto v = block; v < block + 32; ++v) {
          const double coarse = std::nearbyint(*v / step) * step;
          *v = largest > 5 * usual ? coarse + std::nearbyint((*v - coarse) / fine) * fine : coarse;
        }
      }
    }
    return x;
  }

  Row times(const MatrixRef& m, const Row& input, const VectorRef& bias = {}, size_t group = 0) {
    const bool rounds = inputs_ == Inputs::int8 && formats::is_quantised(m.tensor->type);
    const Row x = rounds ? in_int8(input, group ? group : input.size()) : input;
    const Row& w = tensor(m.tensor);
    const int64_t rows_per_expert = m.tensor->shape.size() == 3 ? m.tensor->shape[1] : 0;
    Row y(static_cast<size_t>(m.rows));
    for (int64_t r = 0; r < m.rows; ++r) {
      const auto at = static_cast<size_t>((m.expert * rows_per_expert + m.row_begin + r) * m.cols);
      for (size_t c = 0; c < x.size(); ++c) y[static_cast<size_t>(r)] += w[at + c] * x[c];
      if (bias) y[static_cast<size_t>(r)] += tensor(bias.tensor)[static_cast<size_t>(bias.begin + r)];
    }
    return y;
  }

  Row norm(const Row& x, const VectorRef& weight, const VectorRef& bias) {
    if (!weight) return x;
    double mean = 0, square = 0;
    if (spec_.norm == compute::NormKind::layer) mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
    for (const double v : x) square += (v - mean) * (v - mean);
    const double scale = 1 / std::sqrt(square / static_cast<double>(x.size()) + double{spec_.norm_epsilon});
    Row y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = (x[i] - mean) * scale * (tensor(weight.tensor)[i] + (spec_.norm_weight_plus_one ? 1 : 0));
      if (bias) y[i] += tensor(bias.tensor)[i];
    }
    return y;
  }

  void norm_heads(Row& x, const VectorRef& weight) {
    if (!weight) return;
    const auto width = static_cast<size_t>(weight.size);
    for (size_t at = 0; at < x.size(); at += width) {
      double square = 0;
      for (size_t i = 0; i < width; ++i) square += x[at + i] * x[at + i];
      const double scale = 1 / std::sqrt(square / static_cast<double>(width) + double{spec_.norm_epsilon});
      for (size_t i = 0; i < width; ++i) x[at + i] *= scale * tensor(weight.tensor)[i];
    }
  }

  void rotate(Row& x, int rope, int64_t position) const {
    if (rope < 0) return;
    const compute::RopeTable& table = spec_.ropes[static_cast<size_t>(rope)];
    const size_t half = table.inv_freq.size();
    for (size_t head = 0; head < x.size(); head += static_cast<size_t>(spec_.head_dim)) {
      for (size_t i = 0; i < half; ++i) {
        const bool interleaved = spec_.rope_pairing == compute::RopePairing::interleaved;
        double& a = x[head + (interleaved ? 2 * i : i)];
        double& b = x[head + (interleaved ? 2 * i + 1 : i + half)];
        const double angle = static_cast<double>(position) * table.inv_freq[i], c = std::cos(angle), s = std::sin(angle);
        const double rotated = a * c - b * s;
        b = b * c + a * s;
        a = rotated;
      }
    }
  }

  Row attention(size_t l, const Row& x, int64_t position) {
    const LayerSpec& layer = spec_.layers[l];
    Row q = times(layer.q, x, layer.q_bias), k = times(layer.k, x, layer.k_bias);
    norm_heads(q, layer.q_norm);
    norm_heads(k, layer.k_norm);
    rotate(q, layer.rope, position);
    rotate(k, layer.rope, position);
    keys_[l].push_back(std::move(k));
    values_[l].push_back(times(layer.v, x, layer.v_bias));
    const auto d = static_cast<size_t>(spec_.head_dim);
    const int64_t group = spec_.n_heads / spec_.n_kv_heads;
    const int64_t first = layer.sliding_window > 0 ? std::max<int64_t>(0, position - layer.sliding_window + 1) : 0;
    Row out(q.size());
    for (int64_t head = 0; head < spec_.n_heads; ++head) {
      const size_t at = static_cast<size_t>(head) * d, kv_at = static_cast<size_t>(head / group) * d;
      Row scores;
      for (int64_t p = first; p <= position; ++p) {
        double s = 0;
        for (size_t i = 0; i < d; ++i) s += q[at + i] * keys_[l][static_cast<size_t>(p)][kv_at + i];
        s *= double{spec_.attention_scale};
        if (spec_.attention_softcap != 0) s = double{spec_.attention_softcap} * std::tanh(s / double{spec_.attention_softcap});
        scores.push_back(s);
      }
      softmax(scores);
      for (int64_t p = first; p <= position; ++p)
        for (size_t i = 0; i < d; ++i) out[at + i] += scores[static_cast<size_t>(p - first)] * values_[l][static_cast<size_t>(p)][kv_at + i];
    }
    return times(layer.o, out, layer.o_bias);
  }

  static void softmax(Row& x) {
    const double top = *std::max_element(x.begin(), x.end());
    double sum = 0;
    for (double& v : x) sum += v = std::exp(v - top);
    for (double& v : x) v /= sum;
  }

  double activated(double x) const {
    switch (spec_.activation) {
      case Activation::silu: return x / (1 + std::exp(-x));
      case Activation::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
      case Activation::gelu_erf: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
      case Activation::relu: return std::max(0.0, x);
    }
    return x;
  }

  Row mlp(const MatrixRef& gate, const MatrixRef& up, const MatrixRef& down, const Row& x, const LayerSpec* biases = nullptr) {
    const VectorRef none;
    Row u = times(up, x, biases ? biases->up_bias : none);
    if (gate) {
      const Row g = times(gate, x, biases ? biases->gate_bias : none);
      for (size_t i = 0; i < u.size(); ++i) u[i] *= activated(g[i]);
    } else {
      for (double& v : u) v = activated(v);
    }
    return times(down, u, biases ? biases->down_bias : none, 32);  // its inputs come in strips of 32
  }

  Row feed_forward(const LayerSpec& layer, const Row& x) {
    if (!layer.router) return mlp(layer.gate, layer.up, layer.down, x, &layer);
    Row p = times(layer.router, x);
    softmax(p);
    std::vector<size_t> order(p.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
    order.resize(static_cast<size_t>(spec_.experts_per_token));
    double total = 0;
    for (const size_t e : order) total += p[e];
    Row out(x.size());
    for (const size_t e : order) {
      const Row y = mlp(layer.expert_gate[e], layer.expert_up[e], layer.expert_down[e], x);
      for (size_t i = 0; i < y.size(); ++i) out[i] += y[i] * (spec_.normalise_expert_weights ? p[e] / total : p[e]);
    }
    if (layer.shared_up) {
      const Row y = mlp(layer.shared_gate, layer.shared_up, layer.shared_down, x);
      const double gate = 1 / (1 + std::exp(-times(layer.shared_router, x)[0]));
      for (size_t i = 0; i < y.size(); ++i) out[i] += y[i] * gate;
    }
    return out;
  }

  const ModelSpec& spec_;
  const formats::TensorSource& source_;
  const Inputs inputs_;
  std::map<const formats::TensorInfo*, Row> tensors_;
  std::vector<std::vector<Row>> keys_, values_;
};

}  // namespace

std::vector<double> reference_forward(const ModelSpec& spec, const formats::TensorSource& source, std::span<const int32_t> tokens,
                                      Inputs inputs) {
  Reference reference(spec, source, inputs);
  std::vector<double> out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Row logits = reference.token(tokens[i], static_cast<int64_t>(i));
    out.insert(out.end(), logits.begin(), logits.end());
  }
  return out;
}

double int8_noise(const ModelSpec& spec, const formats::TensorSource& source, std::span<const int32_t> tokens) {
  const auto exact = reference_forward(spec, source, tokens), rounded = reference_forward(spec, source, tokens, Inputs::int8);
  double error = 0, size = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    error += (rounded[i] - exact[i]) * (rounded[i] - exact[i]);
    size += exact[i] * exact[i];
  }
  return std::sqrt(error / size);
}

std::vector<int32_t> reference_greedy(const ModelSpec& spec, const formats::TensorSource& source, std::span<const int32_t> prompt, int n,
                                      std::vector<double>& gaps) {
  Reference reference(spec, source);
  std::vector<int32_t> tokens(prompt.begin(), prompt.end());
  for (size_t i = 0; i < prompt.size() + static_cast<size_t>(n) - 1; ++i) {
    Row logits = reference.token(tokens[i], static_cast<int64_t>(i));
    if (i + 1 < prompt.size()) continue;
    const auto best = std::max_element(logits.begin(), logits.end());
    tokens.push_back(static_cast<int32_t>(best - logits.begin()));
    const double top = *best;
    *best = -1e30;
    gaps.push_back(top - *std::max_element(logits.begin(), logits.end()));
  }
  return tokens;
}

}  // namespace fabula::test
