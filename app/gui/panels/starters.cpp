#include "app/gui/panels/starters.h"

#include <algorithm>
#include <array>

#include "app/gui/panels/model_rows.h"
#include "core/hub/starters.h"

namespace fabula::gui {

namespace {

constexpr float row_dp = 66, note_dp = 22;
constexpr std::array words_keys{"starter.small", "starter.medium", "starter.large"};  // what each is good for
static_assert(words_keys.size() == hub::starters.size());

std::string pull_name(const hub::Starter& starter) {
  std::string name(starter.repository);
  if (!starter.selector.empty()) (name += ":") += starter.selector;
  return name;
}

uint64_t bytes_of(const hub::Look& look, std::string_view selector) {
  if (selector.empty()) return look.folder_bytes;
  const auto at = std::ranges::find(look.offers, selector, &hub::Offer::selector);
  return at == look.offers.end() ? look.folder_bytes : at->bytes;
}

void draw_starter(Shell& shell, const hub::Starter& starter, const ImRect& box) {
  Ui& ui = shell.ui;
  const Palette& c = ui.color();
  ui.fill(box, c.raised, radius::card);
  ui.stroke(box, c.border, radius::card);
  const std::string name = pull_name(starter);
  const ImRect inner(box.Min.x + ui.px(14), box.Min.y, box.Max.x - ui.px(14), box.Max.y);
  if (const hub::Download* download = shell.models.download_or_null(name)) {
    draw_download_row(shell, *download, ImRect(inner.Min.x, inner.Min.y + ui.px(5), inner.Max.x, inner.Max.y - ui.px(5)));
    return;
  }
  const hub::Look* look = shell.models.look_or_null(std::string(starter.repository));
  const uint64_t bytes = look && look->done ? bytes_of(*look, starter.selector) : 0;
  const std::string& words = ui.tr("models.fetch");
  const float button = ui.button_width(words, true);
  const float width = inner.GetWidth() - button - ui.px(12);
  ui.text(ImVec2(inner.Min.x, inner.Min.y + ui.px(12)), starter.name, {.weight = text::FontWeight::semibold}, width);
  std::string details = ui.tr(words_keys[static_cast<size_t>(&starter - hub::starters.data())]);
  if (bytes > 0) details += " · " + size_words(bytes);
  if (look && look->done && !look->licence.empty()) details += " · " + look->licence;
  if (bytes > 0) details += " · " + ui.tr(shell.models.too_large(bytes) ? "models.too_large" : "models.fits");
  const ImU32 ink = bytes > 0 && shell.models.too_large(bytes) ? c.warning : c.text_soft;
  const ImVec2 at(inner.Min.x, inner.Min.y + ui.px(34));
  ui.text(at, details, {.size = type::small, .color = ink}, width);
  if (look && !look->error.empty() && ui.hovers(box)) ui.tooltip(box, look->error);
  const ImRect fetch(inner.Max.x - button, box.GetCenter().y - ui.px(17), inner.Max.x, box.GetCenter().y + ui.px(17));
  const bool first = &starter == hub::starters.data();
  if (ui.button("starter." + std::string(starter.name), words, fetch,
                {.kind = first ? ButtonKind::primary : ButtonKind::secondary, .icon = Icon::arrow_down}))
    shell.models.hub_or_null()->download(name);
}

}  // namespace

bool wants_starters(const Shell& shell) {
  if (!shell.models.ready() || !shell.models.library().complete || shell.controller.mode() != session::Mode::chat) return false;
  return std::ranges::none_of(shell.models.library().models,
                              [](const model::LibraryEntry& entry) { return entry.card.unusable.empty() && entry.card.chats; });
}

float starters_height(Ui& ui) { return static_cast<float>(hub::starters.size()) * ui.px(row_dp + 8) + ui.px(note_dp); }

void draw_starters(Shell& shell, const ImRect& box) {
  Ui& ui = shell.ui;
  Column column{box.Min.x, box.Min.y, box.GetWidth()};
  for (const hub::Starter& starter : hub::starters) {
    const std::string repository(starter.repository);
    if (!shell.models.look_or_null(repository)) shell.models.hub_or_null()->look(repository);
    draw_starter(shell, starter, column.take(ui.px(row_dp), ui.px(8)));
  }
  // Said once for all of them: a machine without a network is nothing to be warned of.
  const bool unreachable = std::ranges::all_of(hub::starters, [&](const hub::Starter& starter) {
    const hub::Look* look = shell.models.look_or_null(std::string(starter.repository));
    return look && look->done && !look->error.empty();
  });
  if (unreachable) {
    const TextLook faint{.size = type::small, .color = ui.color().text_faint};
    ui.text_in(column.take(ui.px(note_dp)), ui.tr("starter.unreachable"), faint, 0.5f);
  }
  if (shell.models.downloading()) ui.wake_at(ui.now() + 0.25);
}

}  // namespace fabula::gui
