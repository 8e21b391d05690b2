#include "app/gui/panels/model_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/engine/remote_endpoints.h"

namespace fabula::gui {

namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += " · ";
    out += part;
  }
  return out;
}

std::string context_words(const Ui& ui, int64_t tokens) {
  if (tokens <= 0) return {};
  return ui.tr.format("model.context", {tokens >= 1024 ? fmt::format("{}k", tokens / 1024) : std::to_string(tokens)});
}

std::string state_words(const Ui& ui, const hub::Download& d) {
  using State = hub::Download::State;
  const std::string of = fmt::format("{} / {}", size_words(d.bytes_done), size_words(d.bytes_total));
  switch (d.state) {
    case State::waiting: return ui.tr("download.waiting");
    case State::asking: return ui.tr("download.asking");
    case State::fetching: return of + " · " + size_words(static_cast<uint64_t>(d.bytes_per_second)) + "/s";
    case State::checking: return ui.tr("download.checking");
    case State::paused: return ui.tr("download.paused") + (d.bytes_total > 0 ? " · " + of : "");
    case State::failed: return d.error;
    case State::finished: return ui.tr("download.finished") + " · " + size_words(d.bytes_total);
  }
  return {};
}

}  // namespace

std::string parameters_words(uint64_t n) {
  if (n == 0) return {};
  return n >= 1000000000 ? fmt::format("{:.1f}B", static_cast<double>(n) / 1e9) : fmt::format("{:.0f}M", std::max(1.0, static_cast<double>(n) / 1e6));
}

std::string size_words(uint64_t bytes) {
  return bytes >= 1000000000 ? fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9) : fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6);
}

const std::string& place_words(const Ui& ui, const std::string& found_in) {
  return found_in == model::built_in ? ui.tr("models.built_in") : found_in;
}

std::string model_details(const Ui& ui, const model::LibraryEntry& entry) {
  const model::ModelCard& card = entry.card;
  if (engine::remote_name_or_none(entry.path.string())) return entry.source;
  if (!entry.card_known) return entry.path.parent_path().string();
  return joined({parameters_words(card.parameters), card.type, size_words(entry.bytes), context_words(ui, card.context_length), card.licence});
}

bool draw_model_row(Shell& shell, const std::string& id, const model::LibraryEntry& entry, const ImRect& box, bool chosen) {
  Ui& ui = shell.ui;
  const Palette& c = ui.color();
  const bool usable = entry.card.unusable.empty();
  const Hit hit = ui.interact(id, entry.name, box, usable, radius::small);
  if (chosen) ui.fill(box, c.accent_soft, radius::small);
  else if (hit.hovered) ui.fill(box, c.hover, radius::small);
  const bool too_large = usable && shell.models.too_large(entry.bytes);
  const float left = box.Min.x + ui.px(10), width = box.GetWidth() - ui.px(20);
  const ImU32 ink = usable ? c.text : c.text_faint;
  ui.text(ImVec2(left, box.Min.y + ui.px(6)), entry.name, {.color = ink, .weight = text::FontWeight::medium}, width);
  const std::string words = !usable ? ui.tr.format("models.unusable", {entry.card.unusable})
                            : too_large ? ui.tr("models.too_large") + " · " + model_details(ui, entry) : model_details(ui, entry);
  const ImU32 soft = !usable ? c.text_faint : too_large ? c.warning : c.text_soft;
  ui.text(ImVec2(left, box.Min.y + ui.px(26)), words, {.size = type::small, .color = soft}, width);
  if (hit.hovered || (!usable && ui.hovers(box))) ui.tooltip(box, usable ? entry.path.string() : entry.card.unusable + "\n" + entry.path.string());
  return hit.clicked && usable;
}

float download_row_height(Ui& ui) { return ui.px(56); }

void draw_download_row(Shell& shell, const hub::Download& d, const ImRect& box) {
  using State = hub::Download::State;
  Ui& ui = shell.ui;
  const Palette& c = ui.color();
  const bool active = d.state == State::asking || d.state == State::fetching || d.state == State::checking;
  const bool at_rest = d.state == State::paused || d.state == State::failed;
  const float button = ui.px(28), right = box.Max.x - 2 * button - ui.px(12);
  ui.text(ImVec2(box.Min.x, box.Min.y + ui.px(4)), d.name, {.weight = text::FontWeight::medium}, right - box.Min.x);
  const ImU32 ink = d.state == State::failed ? c.danger : c.text_soft;
  ui.text(ImVec2(box.Min.x, box.Min.y + ui.px(24)), state_words(ui, d), {.size = type::small, .color = ink}, right - box.Min.x);
  if (d.state == State::failed && ui.hovers(box)) ui.tooltip(box, d.error);
  const ImRect bar(box.Min.x, box.Min.y + ui.px(46), right, box.Min.y + ui.px(50));
  const float share = d.bytes_total > 0 ? static_cast<float>(static_cast<double>(d.bytes_done) / static_cast<double>(d.bytes_total)) : 0;
  ui.fill(bar, c.border, 2);
  ui.fill(ImRect(bar.Min, ImVec2(bar.Min.x + bar.GetWidth() * std::clamp(share, 0.0f, 1.0f), bar.Max.y)), d.state == State::paused ? c.text_faint : c.accent, 2);
  hub::Desk* desk = shell.models.hub_or_null();
  if (!desk) return;
  const float y = box.GetCenter().y - button / 2;
  const ImRect first(box.Max.x - 2 * button - ui.px(4), y, box.Max.x - button - ui.px(4), y + button), second(box.Max.x - button, y, box.Max.x, y + button);
  const std::string id = "download." + d.name;
  if (active || d.state == State::waiting) {
    if (ui.icon_button(id + ".pause", Icon::stop, ui.tr("download.pause"), first)) desk->pause(d.name);
  } else if (at_rest) {
    if (ui.icon_button(id + ".resume", Icon::play, ui.tr("download.resume"), first)) desk->download(d.name);
  }
  if (d.state == State::finished) {
    if (ui.icon_button(id + ".dismiss", Icon::check, ui.tr("download.dismiss"), second)) desk->dismiss(d.name);
  } else if (ui.icon_button(id + ".cancel", Icon::close, ui.tr("download.cancel"), second)) {
    desk->cancel(d.name);
  }
}

void draw_fit(Shell& shell, uint64_t bytes, const ImRect& box) {
  Ui& ui = shell.ui;
  if (bytes == 0) return;
  const bool large = shell.models.too_large(bytes);
  ui.text_in(box, ui.tr(large ? "models.too_large" : "models.fits"), {.size = type::small, .color = large ? ui.color().warning : ui.color().text_faint}, 1);
}

}  // namespace fabula::gui
