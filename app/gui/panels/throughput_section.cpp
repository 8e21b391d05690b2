#include "app/gui/panels/throughput_section.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/file.h"
#include "core/compute/executor.h"

namespace fabula::gui {
namespace {

constexpr size_t plot_samples = 120;
constexpr double sample_seconds = 0.1, memory_seconds = 2;

std::string rate_words(const Ui& ui, double value) {
  return value > 0 ? short_number(value) + " " + ui.tr("unit.tokens_per_second") : std::string("–");
}

uint64_t resident_bytes() {
  const auto text = read_file("/proc/self/statm", 4096);
  unsigned long long pages = 0;
  if (!text.ok() || std::sscanf(text->c_str(), "%*u %llu", &pages) != 1) return 0;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void ThroughputSection::add(Sample sample) {
  samples_.push_back(sample);
  if (samples_.size() > plot_samples) samples_.pop_front();
}

void ThroughputSection::sample(Shell& shell) {
  const auto& frame = shell.controller.frame();
  const auto& m = frame.metrics;
  if (frame.model.path != sampled_model_) {
    sampled_model_ = frame.model.path;
    samples_.clear();
  }
  const bool wrote = m.tokens_generated != written_, read = m.prompt_tokens_read != read_;
  if ((wrote || read) && shell.ui.now() - sampled_at_ >= sample_seconds) {
    const Sample now{wrote ? static_cast<float>(m.decode_tokens_per_second) : 0, read ? static_cast<float>(m.prefill_tokens_per_second) : 0};
    written_ = m.tokens_generated;
    read_ = m.prompt_tokens_read;
    sampled_at_ = shell.ui.now();
    if (now.decode > 0 || now.prefill > 0) {
      add(now);
      sampled_since_reply_ = sampled_since_reply_ || now.decode > 0;
    }
  }
  take_short_reply(shell);
}

// A reply that was over before the first sample is shown by its own numbers.
void ThroughputSection::take_short_reply(Shell& shell) {
  const auto& view = shell.controller.frame().view;
  if (!view || view->path.empty() || shell.controller.generating()) return;
  const session::Message& last = *view->path.back();
  if (last.id == last_reply_) return;
  const bool first_look = last_reply_.empty();
  last_reply_ = last.id;
  const auto& s = last.stats;
  const bool shown = std::exchange(sampled_since_reply_, false) || (first_look && !samples_.empty());
  if (shown || s.decode_seconds <= 0 || s.generated_tokens <= 0) return;
  const int64_t read = s.prompt_tokens - s.reused_tokens;
  const Sample own{static_cast<float>(static_cast<double>(s.generated_tokens) / s.decode_seconds),
                   read > 0 && s.prompt_seconds > 0 ? static_cast<float>(static_cast<double>(read) / s.prompt_seconds) : 0};
  add(own);
  add({own.decode, 0});
}

void ThroughputSection::draw(Shell& shell, Column& column) {
  draw_plot(shell, column.take(shell.ui.px(76), shell.ui.px(8)));
  draw_numbers(shell, column);
  draw_workers(shell, column);
  column.y += shell.ui.px(8);
}

void ThroughputSection::draw_plot(Shell& shell, const ImRect& box) {
  Ui& ui = shell.ui;
  const Palette& c = ui.color();
  ui.fill(box, c.raised, radius::control);
  ui.stroke(box, c.border, radius::control);
  const bool any = std::any_of(samples_.begin(), samples_.end(), [](const Sample& s) { return s.decode > 0 || s.prefill > 0; });
  if (!any) return ui.text_in(box, ui.tr("throughput.empty"), {.size = type::small, .color = c.text_faint});
  const ImRect inner(box.Min.x + ui.px(8), box.Min.y + ui.px(8), box.Max.x - ui.px(8), box.Max.y - ui.px(4));
  draw_curve(ui, inner, &Sample::prefill, c.own_tint, false);
  draw_curve(ui, inner, &Sample::decode, c.accent, true);
}

// Reading is tens of times faster than writing, so that each curve has its own scale; the numbers stand below.
void ThroughputSection::draw_curve(Ui& ui, const ImRect& inner, float Sample::*rate, ImU32 color, bool filled) {
  float highest = 0;
  for (const Sample& s : samples_) highest = std::max(highest, s.*rate);
  if (highest <= 0) return;
  highest *= 1.15f;
  const float step = inner.GetWidth() / static_cast<float>(plot_samples - 1);
  const auto place = [&](size_t i) {
    const float x = inner.Max.x - step * static_cast<float>(samples_.size() - 1 - i);
    return ImVec2(x, inner.Max.y - inner.GetHeight() * samples_[i].*rate / highest);
  };
  for (size_t begin = 0; begin < samples_.size();) {  // runs of samples that have this rate
    if (samples_[begin].*rate <= 0) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < samples_.size() && samples_[end].*rate > 0) ++end;
    for (size_t i = begin; filled && i + 1 < end; ++i) {
      const ImVec2 a = place(i), b = place(i + 1);
      ui.list().AddQuadFilled(a, b, ImVec2(b.x, inner.Max.y), ImVec2(a.x, inner.Max.y), with_alpha(color, 0.14f));
    }
    if (end - begin == 1) {
      ui.list().AddCircleFilled(place(begin), ui.px(2.2f), color, 12);
    } else {
      for (size_t i = begin; i < end; ++i) ui.list().PathLineTo(place(i));
      ui.list().PathStroke(color, 0, ui.px(1.6f));
    }
    begin = end;
  }
}

void ThroughputSection::draw_numbers(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const auto& frame = shell.controller.frame();
  const auto& m = frame.metrics;
  const auto line = [&](const char* key, const std::string& value, ImU32 mark = 0) {
    const ImRect box = column.take(ui.px(22));
    float left = box.Min.x;
    if (mark != 0) {
      ui.list().AddRectFilled(ImVec2(left, box.GetCenter().y - ui.px(1.5f)), ImVec2(left + ui.px(10), box.GetCenter().y + ui.px(1.5f)), mark, ui.px(1.5f));
      left += ui.px(16);
    }
    const TextLook number{.size = type::small, .weight = text::FontWeight::medium};
    ui.text_in(ImRect(left, box.Min.y, box.Max.x - ui.measure(value, number).x - ui.px(6), box.Max.y), ui.tr(key), {.size = type::small, .color = ui.color().text_soft}, 0);
    ui.text_in(box, value, number, 1);
  };
  line("throughput.decode", rate_words(ui, m.decode_tokens_per_second), ui.color().accent);
  line("throughput.prefill", rate_words(ui, m.prefill_tokens_per_second), ui.color().own_tint);
  std::string bandwidth = m.decode_gb_per_second > 0 ? fmt::format("{:.1f} GB/s", m.decode_gb_per_second) : "–";
  const double share = m.peak_read_gb_per_second > 0 ? m.decode_gb_per_second / m.peak_read_gb_per_second : 0;
  if (share > 0 && share <= 1.05) bandwidth += " · " + ui.tr.format("throughput.share", {fmt::format("{:.0f}", 100 * share)});
  line("throughput.bandwidth", bandwidth);
  line("throughput.reused", std::to_string(m.prompt_tokens_reused));
  if (m.kv_blocks_total > 0) {
    line("throughput.kv", fmt::format("{} / {}", m.kv_blocks_used * compute::kv_block_tokens, m.kv_blocks_total * compute::kv_block_tokens));
  }
  if (m.batch > 1 || m.queued_requests > 0) line("throughput.batch", fmt::format("{} + {}", m.batch, m.queued_requests));
  ask_memory(shell);
  if (*resident_bytes_ > 0) {
    const double gb = static_cast<double>(*resident_bytes_) / 1e9;
    line("throughput.memory", gb >= 1 ? fmt::format("{:.1f} GB", gb) : fmt::format("{:.0f} MB", 1000 * gb));
  }
}

// The kernel's own count, asked on the other thread and only in frames that are drawn anyway.
void ThroughputSection::ask_memory(Shell& shell) {
  if (shell.ui.now() - memory_asked_at_ < memory_seconds) return;
  memory_asked_at_ = shell.ui.now();
  Background& background = shell.controller.background();
  background.run([&background, bytes = resident_bytes_] { background.post([bytes, now = resident_bytes()] { *bytes = now; }); });
}

void ThroughputSection::draw_workers(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const auto& m = shell.controller.frame().metrics;
  if (m.workers <= 0) return;
  const ImRect label = column.take(ui.px(22));
  ui.text_in(label, ui.tr("throughput.workers"), {.size = type::small, .color = ui.color().text_soft}, 0);
  ui.text_in(label, std::to_string(m.workers), {.size = type::small, .weight = text::FontWeight::medium}, 1);
  if (m.shard_busy.empty()) return;
  // A bar each, side by side while there is room, then in rows.
  const float gap = ui.px(3), height = ui.px(26), least = ui.px(8);
  const auto per_row = std::max<size_t>(1, std::min(m.shard_busy.size(), static_cast<size_t>((column.width + gap) / (least + gap))));
  const float width = std::min((column.width + gap) / static_cast<float>(per_row) - gap, ui.px(48));
  for (size_t begin = 0; begin < m.shard_busy.size(); begin += per_row) {
    const ImRect row = column.take(height, gap);
    for (size_t i = begin; i < std::min(begin + per_row, m.shard_busy.size()); ++i) {
      const float x = row.Min.x + static_cast<float>(i - begin) * (width + gap), busy = std::clamp(m.shard_busy[i], 0.0f, 1.0f);
      const ImRect bar(x, row.Min.y, x + width, row.Max.y);
      ui.fill(bar, ui.color().border, 2);
      ui.fill(ImRect(bar.Min.x, bar.Max.y - height * busy, bar.Max.x, bar.Max.y), ui.color().accent, 2);
      if (ui.hovers(bar)) ui.tooltip(bar, ui.tr.format("throughput.worker", {std::to_string(i + 1), fmt::format("{:.0f}", 100 * busy)}));
    }
  }
}

}  // namespace fabula::gui
