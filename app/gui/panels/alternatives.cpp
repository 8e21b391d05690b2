#include "app/gui/panels/alternatives.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/base/utf8.h"

namespace fabula::gui {
namespace {

constexpr double open_delay_seconds = 0.45, close_delay_seconds = 0.25;
constexpr float list_dp = 232, row_dp = 28, pad_dp = 6;

ImRect on_screen(const text::Rect& r, ImVec2 origin) { return {origin.x + r.x, origin.y + r.y, origin.x + r.x + r.width, origin.y + r.y + r.height}; }

}  // namespace

std::vector<size_t> token_ends(const std::shared_ptr<const text::Tokenizer>& tokenizer, const session::Message& message) {
  text::TokenStream stream(tokenizer, /*keep_special=*/false, /*continues=*/true);
  std::vector<size_t> ends;
  std::string text;
  for (const int32_t token : message.tokens) {
    text += stream.push(token);
    ends.push_back(text.size());
  }
  // A reply's last words may have been held back at its end; more than the tokens say is somebody else's.
  return message.text.starts_with(text) || text.starts_with(message.text) ? ends : std::vector<size_t>();
}

std::string token_words(const text::Tokenizer& tokenizer, int32_t token, bool within_word) {
  std::string words = tokenizer.token_bytes(token, false);
  if (words.empty()) return words;
  const auto initial = static_cast<unsigned char>(words.front());
  const bool goes_on = within_word && initial < 0x80 && std::isalnum(initial) != 0;
  std::string out;
  const size_t first = words.find_first_not_of(' ');
  if (first == std::string::npos) return words.size() == 1 ? "␣" : fmt::format("␣ × {}", words.size());
  for (char c : words.substr(first)) {
    if (c == '\n') {
      out += "⏎";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      append_utf8(out, 0x2400 + static_cast<char32_t>(c));  // the picture of a control character
    } else {
      out += c;
    }
  }
  const bool whole = is_valid_utf8(out);
  if (!whole) return fmt::format("#{}", token);  // a part of a character
  return goes_on ? "…" + out : out;
}

Alternatives::Place Alternatives::place_under_mouse(Shell& shell, text::TextFlow& flow, ImVec2 text_at, const Passage& passage) {
  const auto& message = passage.message;
  if (!message || message->alternatives.empty() || ImGui::IsMouseDown(0)) return {};
  if (counted_ != message) {
    counted_ = message;
    tokenizer_ = shell.controller.tokenizer_or_null(message->tokenizer);
    ends_ = tokenizer_ ? token_ends(tokenizer_, *message) : std::vector<size_t>();
  }
  if (ends_.empty()) return {};
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const text::Point at{mouse.x - text_at.x, mouse.y - text_at.y};
  const size_t offset = flow.hit(at).offset;
  if (offset < passage.begin) return {};
  const size_t byte = std::min(offset - passage.begin, message->text.size());
  // The caret's place nearest to the mouse may be the end of the token that is meant.
  auto token = static_cast<size_t>(std::lower_bound(ends_.begin(), ends_.end(), byte) - ends_.begin());
  for (size_t t = token; t < std::min(token + 2, ends_.size()); ++t) {
    Place place{message, t, passage.begin + (t == 0 ? 0 : ends_[t - 1]), passage.begin + std::min(ends_[t], message->text.size())};
    if (place.begin >= place.end || t >= message->alternatives.size() || message->alternatives[t].empty()) continue;
    for (const text::Rect& r : flow.range_rects(place.begin, place.end, at.y - 1, at.y + 1)) {
      if (at.x >= r.x && at.x < r.x + r.width && at.y >= r.y && at.y < r.y + r.height) return place;
    }
  }
  return {};
}

void Alternatives::draw(Shell& shell, text::TextFlow& flow, ImVec2 text_at, const ImRect& area, const Passage& passage) {
  Ui& ui = shell.ui;
  if (ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId)) return close();  // a dialog or menu is in front of the page
  ImRect near = list_;
  near.Expand(ui.px(8));
  const bool on_list = shown_.message && near.Contains(ImGui::GetIO().MousePos);
  const Place under = on_list ? shown_ : ui.hovers(area) ? place_under_mouse(shell, flow, text_at, passage) : Place{};
  if (under != candidate_) {
    candidate_ = under;
    candidate_since_ = ui.now();
    if (!under.message) left_at_ = ui.now();
  }
  if (candidate_.message && candidate_ != shown_) {
    const double opens = candidate_since_ + open_delay_seconds;
    if (ui.now() >= opens) {
      shown_ = candidate_;
    } else {
      ui.wake_at(opens);
    }
  } else if (!candidate_.message && shown_.message) {
    const double closes = left_at_ + close_delay_seconds;
    if (ui.now() >= closes) {
      close();
    } else {
      ui.wake_at(closes);
    }
  }
  if (!shown_.message) return;
  const std::string before = flow.text(shown_.begin - std::min<size_t>(shown_.begin, 1), shown_.begin);
  within_word_ = before.find_first_not_of(" \n") != std::string::npos;
  const auto& view = shell.controller.frame().view;
  const bool still_there = view && std::find(view->path.begin(), view->path.end(), shown_.message) != view->path.end();
  if (!still_there || shell.controller.generating() || shown_.end > flow.size_bytes()) return close();
  const auto rects = flow.range_rects(shown_.begin, shown_.end, area.Min.y - text_at.y, area.Max.y - text_at.y);
  if (rects.empty()) return close();
  for (const text::Rect& r : rects) {
    const ImRect line = on_screen(r, text_at);
    ui.fill(ImRect(line.Min.x, line.Max.y - ui.px(3), line.Max.x, line.Max.y - ui.px(1.5f)), ui.color().accent);
  }
  const ImRect first = on_screen(rects.front(), text_at);
  draw_list(shell, ImVec2(first.Min.x, first.Max.y + ui.px(4)), ImVec2(first.Min.x, first.Min.y - ui.px(4)), area);
}

void Alternatives::draw_list(Shell& shell, ImVec2 below, ImVec2 above, const ImRect& area) {
  Ui& ui = shell.ui;
  const auto message = shown_.message;
  const auto& choices = message->alternatives[shown_.token];
  const int32_t drawn = message->tokens[shown_.token];
  const bool listed = std::any_of(choices.begin(), choices.end(), [&](const auto& c) { return c.token == drawn; });
  const auto rows = static_cast<float>(choices.size() + (listed ? 0 : 1));
  const ImVec2 size(ui.px(list_dp), ui.px(row_dp * rows + 2 * pad_dp + 24));
  ImVec2 at(std::clamp(below.x - ui.px(10), area.Min.x, std::max(area.Min.x, area.Max.x - size.x)), below.y);
  if (at.y + size.y > area.Max.y) at.y = std::max(area.Min.y, above.y - size.y);
  list_ = ImRect(at, ImVec2(at.x + size.x, at.y + size.y));
  const float margin = ui.px(8);  // for the shadow
  ImGui::SetNextWindowPos(ImVec2(at.x - margin, at.y - margin));
  ImGui::SetNextWindowSize(ImVec2(size.x + 2 * margin, size.y + 2 * margin));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, ui.px(radius::control));
  ImGui::Begin("alternatives", nullptr, ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
                                            ImGuiWindowFlags_NoFocusOnAppearing | ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoBackground);
  ImGui::PopStyleVar();
  ui.shadow(list_, radius::control);
  ui.fill(list_, ui.color().raised, radius::control);
  ui.stroke(list_, ui.color().border, radius::control);
  Column column{at.x + ui.px(pad_dp), at.y + ui.px(pad_dp), size.x - ui.px(2 * pad_dp)};
  int32_t chosen = -1;
  for (size_t i = 0; i < choices.size(); ++i) {
    std::string words = token_words(*tokenizer_, choices[i].token, within_word_);
    if (words.empty()) words = ui.tr("alternatives.end");
    if (draw_row(shell, column, i, words, std::exp(choices[i].logprob), choices[i].token == drawn)) chosen = choices[i].token;
  }
  if (!listed) draw_row(shell, column, choices.size(), token_words(*tokenizer_, drawn, within_word_), -1, true);
  ui.text_in(column.take(ui.px(24)), ui.tr("alternatives.hint"), {.size = type::caption, .color = ui.color().text_faint});
  ImGui::BringWindowToDisplayFront(ImGui::GetCurrentWindow());
  ImGui::End();
  if (chosen < 0) return;
  shell.controller.branch_at(message->id, static_cast<int64_t>(shown_.token), chosen);
  close();
}

// A bar as long as the probability lies behind the words. probability < 0: not among the likeliest, so not known.
bool Alternatives::draw_row(Shell& shell, Column& column, size_t number, const std::string& words, float probability, bool drawn) {
  Ui& ui = shell.ui;
  const ImRect row = column.take(ui.px(row_dp));
  const Hit hit = ui.interact("alternative." + std::to_string(number), words, row, !drawn, radius::small);
  if (probability > 0) {
    const float width = std::max(ui.px(3), row.GetWidth() * std::min(probability, 1.0f));
    ui.fill(ImRect(row.Min.x, row.Min.y + ui.px(2), row.Min.x + width, row.Max.y - ui.px(2)), ui.color().accent_soft, radius::small);
  }
  if (hit.hovered) ui.fill(row, ui.color().hover, radius::small);
  const std::string shown = probability < 0 ? "–" : probability < 0.01f ? "< 1 %" : fmt::format("{:.0f} %", 100 * probability);
  const TextLook figures{.size = type::small, .color = ui.color().text_soft};
  const float right = row.Max.x - ui.px(8), width = ui.measure(shown, figures).x;
  ui.text_in(ImRect(row.Min.x, row.Min.y, right, row.Max.y), shown, figures, 1);
  const TextLook look{.weight = drawn ? text::FontWeight::semibold : text::FontWeight::regular};
  const float left = row.Min.x + ui.px(8), end = right - width - ui.px(8);
  const float height = ui.measure(words, look).y;
  const float used = ui.text(ImVec2(left, row.GetCenter().y - height / 2), words, look, end - left - ui.px(20));
  if (drawn) ui.icon(Icon::check, ImRect(left + used + ui.px(4), row.Min.y, left + used + ui.px(20), row.Max.y), 13, ui.color().accent);
  return hit.clicked;
}

}  // namespace fabula::gui
