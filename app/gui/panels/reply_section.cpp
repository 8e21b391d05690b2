#include "app/gui/panels/reply_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <type_traits>

#include "core/session/reply_rules.h"

namespace fabula::gui {
namespace {

using engine::SamplerParameter;
using engine::SamplerSettings;

// The parameters that most people touch; the others stand behind "More".
constexpr std::array<std::string_view, 5> first_parameters = {"temperature", "top_k", "top_p", "min_p", "repeat_penalty"};

bool is_first(const SamplerParameter& p) {
  return std::find(first_parameters.begin(), first_parameters.end(), p.name) != first_parameters.end();
}

// Mirostat takes the place of these.
bool replaced_by_mirostat(std::string_view name) {
  return name == "top_k" || name == "top_p" || name == "min_p" || name == "typical" || name.starts_with("xtc_");
}

std::string shown_value(const Ui& ui, const SamplerParameter& p, double value) {
  if (std::string_view(p.name) == "temperature" && value == 0) return ui.tr("reply.greedy");
  if (value == p.off) return ui.tr("reply.off");
  if (value < 0 && p.lowest == -1) return ui.tr("reply.all");
  const std::string number = fmt::format("{:.{}f}", value, p.digits);
  return *p.unit == '\0' ? number : ui.tr.format(std::string("unit.n_") + p.unit, {number});
}

bool same(const session::SessionSettings& a, const session::SessionSettings& b) { return a.sampler == b.sampler; }

// What is typed, not slid.
bool same_words(const session::SessionSettings& a, const session::SessionSettings& b) {
  return a.seed == b.seed && a.stop == b.stop && a.grammar == b.grammar && a.sampler.logit_bias == b.sampler.logit_bias &&
         a.sampler.dry_breakers == b.sampler.dry_breakers;
}

bool is_typing(const Ui& ui) {
  constexpr std::array<std::string_view, 5> fields = {"reply.seed", "reply.stop", "reply.bias", "reply.breakers", "reply.grammar"};
  return std::find(fields.begin(), fields.end(), ui.focused()) != fields.end();
}

std::optional<uint64_t> seed_of(const std::string& text) {
  uint64_t seed = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seed);
  const bool fits = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && seed < (uint64_t{1} << 63);
  return fits ? std::optional<uint64_t>(seed) : std::nullopt;
}

}  // namespace

ReplySection::ReplySection(text::TextEngine& engine)
    : stop_(engine), seed_(engine), bias_(engine), breakers_(engine), grammar_(engine), presets_(engine) {
  for (text::Editor* editor : {&stop_, &seed_, &bias_, &breakers_}) editor->set_single_line(true);
}

void ReplySection::show(const Ui& ui, const session::SessionSettings& settings) {
  reply_ = settings;
  // What was typed here comes back from the session: what means the same stays as it was typed ("12=" on the way to "12=-5").
  bool all = true;
  if (split_texts(stop_.text()) != reply_.stop) stop_.set_text(joined_texts(reply_.stop));
  if (seed_of(seed_.text()) != reply_.seed) seed_.set_text(reply_.seed ? std::to_string(*reply_.seed) : "");
  if (split_biases(bias_.text(), all) != reply_.sampler.logit_bias) bias_.set_text(joined_biases(reply_.sampler.logit_bias));
  if (split_texts(breakers_.text()) != reply_.sampler.dry_breakers) breakers_.set_text(joined_texts(reply_.sampler.dry_breakers));
  if (grammar_.text() == reply_.grammar) return grammar_error_.clear();
  if (ui.focused() == "reply.grammar" && !grammar_error_.empty()) return;  // being written, and not to be read yet
  grammar_.set_text(reply_.grammar);
  grammar_error_.clear();
}

void ReplySection::follow(Shell& shell, bool other_session) {
  if (changed_ && !other_session) return;
  changed_ = false;
  const session::SessionSettings settings = shell.controller.reply_settings();
  // Typing runs ahead of what comes back from the session, which is taken when it has caught up.
  if (awaited_ && !other_session && is_typing(shell.ui) && !same_words(settings, reply_)) return;
  awaited_ = false;
  if (other_session) grammar_error_.clear();
  show(shell.ui, settings);
}

void ReplySection::draw(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  draw_presets(shell, column);
  draw_sampler(shell, column, false);
  draw_length(shell, column);
  if (ui.button("reply.more", ui.tr(more_ ? "reply.less" : "reply.more"), column.take(ui.px(30), ui.px(8)),
                {.kind = ButtonKind::ghost, .icon = more_ ? Icon::chevron_down : Icon::chevron_right, .align = 0, .text_size = type::small})) {
    more_ = !more_;
  }
  if (more_) {
    draw_sampler(shell, column, true);
    draw_texts(shell, column);
    draw_grammar(shell, column);
  }
  draw_reset(shell, column);
  if (changed_ && !ImGui::IsMouseDown(0)) {  // one change, one step of undo
    changed_ = false;
    awaited_ = !same_words(reply_, shell.controller.reply_settings());
    shell.controller.set_reply_settings(reply_);
  }
}

void ReplySection::draw_presets(Shell& shell, Column& column) {
  const auto& list = shell.presets.sampling();
  std::vector<PresetRow::Entry> entries;
  int current = -1;
  for (const auto& preset : list) {
    if (current < 0 && same(preset.settings, reply_)) current = static_cast<int>(entries.size());
    entries.push_back({preset.name, preset.own});
  }
  const auto result = presets_.draw(shell, column, "reply.preset", entries, current);
  using Act = PresetRow::Result::Act;
  if (result.act == Act::take) {
    session::SessionSettings taken = reply_;
    const auto& preset = list[result.index];
    taken.sampler = preset.settings.sampler;
    if (preset.own) {
      taken.max_tokens = preset.settings.max_tokens;
      taken.stop = preset.settings.stop;
    }
    show(shell.ui, taken);
    changed_ = true;
  } else if (result.act == Act::save) {
    shell.presets.save(SamplingPreset{result.name, reply_, true});
    shell.ask.save_presets = true;
  } else if (result.act == Act::remove) {
    shell.presets.remove_sampling(std::string(list[result.index].name));
    shell.ask.save_presets = true;
  }
}

void ReplySection::draw_sampler(Shell& shell, Column& column, bool more) {
  std::set<std::string_view> off;  // parameters that do nothing now: what shapes them is not shown
  SamplerSettings::rows(reply_.sampler, [&](const SamplerParameter& p, auto& field) {
    if (static_cast<double>(field) == p.off) off.insert(p.name);
    if (is_first(p) == more || (p.shapes != nullptr && off.contains(p.shapes))) return;
    if (reply_.sampler.mirostat != 0 && replaced_by_mirostat(p.name)) return;
    draw_parameter(shell, column, p, field);
  });
}

template <class Field>
void ReplySection::draw_parameter(Shell& shell, Column& column, const SamplerParameter& p, Field& field) {
  Ui& ui = shell.ui;
  const std::string id = std::string("reply.") + p.name, key = std::string("sampler.") + p.name;
  if (std::string_view(p.name) == "mirostat") {
    bool on = field != 0;
    const ImRect row = column.take(ui.px(34), ui.px(8));
    if (ui.toggle(id, ui.tr(key), row, on)) {
      field = on ? Field{2} : Field{0};
      changed_ = true;
    }
    if (ui.hovers(row)) ui.tooltip(row, ui.tr(key + ".hint"));
    return;
  }
  const ImRect row = column.take(ui.px(36), ui.px(8));
  auto value = static_cast<float>(field);
  // What is off, or has an opposite, is drawn from its resting place; the others as an amount.
  const bool at_rest = static_cast<double>(field) == p.off, both_ways = p.off > p.usual_lowest && p.off < p.usual_highest;
  const auto neutral = static_cast<float>(at_rest || both_ways ? p.off : p.usual_lowest);
  if (ui.slider(id, ui.tr(key), row, value, static_cast<float>(p.usual_lowest), static_cast<float>(p.usual_highest),
                shown_value(ui, p, static_cast<double>(field)), false, &neutral)) {
    const float step = std::pow(10.0f, static_cast<float>(-p.digits));
    field = static_cast<Field>(std::round(value / step) * step);
    changed_ = true;
  }
  if (ui.hovers(row) && !ImGui::IsMouseDown(0)) ui.tooltip(row, ui.tr(key + ".hint"));
}

void ReplySection::draw_length(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  auto length = static_cast<float>(reply_.max_tokens);
  const std::string words = reply_.max_tokens <= 0 ? ui.tr("reply.unlimited") : ui.tr.format("reply.tokens", {std::to_string(reply_.max_tokens)});
  if (ui.slider("reply.length", ui.tr("reply.length"), column.take(ui.px(36), ui.px(8)), length, 16, 4096, words, true)) {
    // The right end of the track is "until the context is full".
    reply_.max_tokens = length >= 4090 ? 0 : static_cast<int64_t>(length);
    changed_ = true;
  }
}

void ReplySection::draw_texts(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  text::EditBox look{.size_px = ui.px(type::body), .padding = ui.px(7)};
  const auto field = [&](const char* key, const char* hint, text::Editor& editor) {
    look.placeholder = ui.tr(hint);
    ui.text(column.take(ui.px(20)).Min, ui.tr(key), {.size = type::small, .color = ui.color().text_soft});
    const bool changed = ui.field(key, ui.tr(key), editor, column.take(ui.px(34), ui.px(10)), look).changed;
    changed_ = changed_ || changed;
    return changed;
  };
  if (field("reply.seed", "reply.seed_auto", seed_)) reply_.seed = seed_of(seed_.text());
  if (field("reply.stop", "reply.stop_hint", stop_)) reply_.stop = split_texts(stop_.text());
  bool all = true;
  const bool typed = field("reply.bias", "reply.bias_hint", bias_);
  auto biases = split_biases(bias_.text(), all);
  if (typed) reply_.sampler.logit_bias = std::move(biases);
  if (!all) column.y += ui.paragraph(ImVec2(column.x, column.y - ui.px(4)), ui.tr("reply.bias_wrong"), {.size = type::small, .color = ui.color().warning}, column.width);
  if (reply_.sampler.dry_multiplier > 0 && field("reply.breakers", "reply.stop_hint", breakers_)) {
    reply_.sampler.dry_breakers = split_texts(breakers_.text());
  }
}

// A grammar in GBNF or a JSON Schema; what cannot be read is said and not taken.
void ReplySection::draw_grammar(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  ui.text(column.take(ui.px(20)).Min, ui.tr("reply.grammar"), {.size = type::small, .color = ui.color().text_soft});
  text::EditBox look{.size_px = ui.px(type::small), .placeholder = ui.tr("reply.grammar_hint"), .padding = ui.px(7), .max_lines = 0};
  look.font.family = text::FontFamily::mono;
  const bool changed = ui.field("reply.grammar", ui.tr("reply.grammar"), grammar_, column.take(ui.px(grammar_.empty() ? 52 : 116), ui.px(6)), look).changed;
  if (changed) {
    const std::string typed = grammar_.text();
    const auto rules = session::read_rules(typed);
    grammar_error_ = rules ? "" : rules.error().message;
    if (rules && reply_.grammar != typed) {
      reply_.grammar = typed;
      changed_ = true;
    }
  }
  if (grammar_error_.empty()) return;
  column.y += ui.paragraph(ImVec2(column.x, column.y), grammar_error_, {.size = type::small, .color = ui.color().danger}, column.width) + ui.px(8);
}

void ReplySection::draw_reset(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const ImRect row = column.take(ui.px(32), ui.px(12));
  const bool in_session = shell.controller.frame().view != nullptr;
  const float middle = row.Min.x + (row.GetWidth() - ui.px(8)) / 2;
  const ImRect left = in_session ? ImRect(row.Min, ImVec2(middle, row.Max.y)) : row;
  if (ui.button("reply.reset", ui.tr("reply.reset"), left, {.tooltip = ui.tr("reply.reset_hint"), .text_size = type::small})) {
    show(ui, session::SessionSettings{});
    changed_ = true;
  }
  if (in_session && ui.button("reply.default", ui.tr("reply.default"), ImRect(middle + ui.px(8), row.Min.y, row.Max.x, row.Max.y),
                              {.tooltip = ui.tr("reply.default_hint"), .text_size = type::small})) {
    shell.controller.set_mode_reply_settings(reply_);
  }
}

}  // namespace fabula::gui
