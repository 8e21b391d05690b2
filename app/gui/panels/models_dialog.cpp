#include "app/gui/panels/models_dialog.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/gui/panels/load_question.h"
#include "app/gui/panels/model_rows.h"

namespace fabula::gui {

namespace {

constexpr float width_dp = 760, height_dp = 600;

}  // namespace

void ModelsDialog::draw(Shell& shell) {
  if (std::exchange(shell.ask.servers, false)) {
    tab_ = Tab::remotes;
    shell.ask.models = true;
  }
  if (std::exchange(shell.ask.models, false)) {
    shell.models.fits().forget();
    shell.models.remotes().look();
    shell.models.look_again();
    asked_path_.clear();
    take_focus_ = tab_ == Tab::hub;
    ImGui::OpenPopup("models");
  }
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("models", ui.tr("models.title"), width_dp, height_dp)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  Column head{start.x, start.y, ImGui::GetContentRegionAvail().x};
  draw_tabs(shell, head);
  ImGui::SetCursorScreenPos(ImVec2(head.x, head.y));
  if (ImGui::BeginChild("models.body", ImVec2(head.width, ImGui::GetContentRegionAvail().y))) {
    const ImVec2 top = ImGui::GetCursorScreenPos();
    Column column{top.x, top.y, ImGui::GetContentRegionAvail().x - ui.px(12)};
    draw_downloads(shell, column);
    draw_quantising(shell, column);
    switch (tab_) {
      case Tab::library: draw_library(shell, column); break;
      case Tab::hub: draw_hub(shell, column); break;
      case Tab::remotes: remotes_.draw(shell, column); break;
    }
    ImGui::SetCursorScreenPos(top);
    ImGui::Dummy(ImVec2(1, column.y - top.y + ui.px(space::m)));
  }
  ImGui::EndChild();
  ui.end_dialog();
  if (shell.models.downloading()) ui.wake_at(ui.now() + 0.25);
}

void ModelsDialog::draw_tabs(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const ImRect row = column.take(ui.px(34), ui.px(10));
  float x = row.Min.x;
  for (const auto& [tab, key] : {std::pair{Tab::library, "models.library"}, std::pair{Tab::hub, "models.hub"}, std::pair{Tab::remotes, "models.remotes"}}) {
    const float width = ui.button_width(ui.tr(key), false);
    const ButtonOptions options{.kind = ButtonKind::ghost, .active = tab_ == tab};
    if (ui.button(key, ui.tr(key), ImRect(x, row.Min.y, x + width, row.Max.y), options)) {
      tab_ = tab;
      take_focus_ = tab == Tab::hub;
    }
    x += width + ui.px(6);
  }
}

void ModelsDialog::draw_downloads(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  for (const hub::Download& download : shell.models.hub().downloads) draw_download_row(shell, download, column.take(download_row_height(ui), ui.px(6)));
  if (shell.models.hub().downloads.empty()) return;
  ui.hairline(ImVec2(column.x, column.y), ImVec2(column.x + column.width, column.y));
  column.y += ui.px(10);
}

// ---- at hand

void ModelsDialog::draw_library(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const model::LibrarySnapshot& library = shell.models.library();
  if (library.models.empty()) {
    const std::string folder = shell.controller.places().models_folder().string();
    const std::string words = library.complete ? ui.tr.format("models.none_words", {folder}) : ui.tr("models.looking");
    column.y += ui.paragraph(ImVec2(column.x, column.y + ui.px(8)), words, {.color = ui.color().text_soft}, column.width) + ui.px(16);
    return;
  }
  int number = 0;
  for (const model::LibraryEntry& entry : library.models) draw_library_entry(shell, column, entry, number++);
}

void ModelsDialog::draw_library_entry(Shell& shell, Column& column, const model::LibraryEntry& entry, int number) {
  Ui& ui = shell.ui;
  const std::string id = "models.entry." + std::to_string(number);
  const ImRect row = column.take(ui.px(50), ui.px(2));
  const bool ours = entry.found_in == "Fabula";
  const bool asked = asked_path_ == entry.path.string();
  const std::string& label = ui.tr(asked ? "models.remove_really" : "models.remove");
  const std::vector<session::ResidentModel>& residents = shell.controller.frame().residents;
  const bool resident = std::ranges::any_of(residents, [&](const session::ResidentModel& model) { return model.path == entry.path; });
  const std::string& unload = ui.tr("model.unload");
  const float unload_width = resident ? ui.button_width(unload, false, type::small) + ui.px(6) : 0;
  const float opener = entry.card.unusable.empty() ? ui.px(30) : 0;
  const float remove_width = (ours ? ui.button_width(label, false, type::small) : 0) + unload_width + opener;
  const TextLook place{.size = type::small, .color = ui.color().text_faint};
  const std::string& found_in = place_words(ui, entry.found_in);
  const float place_width = std::max(ui.px(90), ui.measure(found_in, place).x);
  const ImRect words(row.Min, ImVec2(row.Max.x - remove_width - place_width - ui.px(16), row.Max.y));
  const bool now = shell.settings.of(shell.controller.mode()).model == entry.path;
  if (draw_model_row(shell, id, entry, words, now)) {
    ImGui::CloseCurrentPopup();
    choose_model(shell, entry.path.string());
  }
  ui.text_in(ImRect(words.Max.x + ui.px(8), row.Min.y, words.Max.x + ui.px(8) + place_width, row.Max.y), found_in, place, 0);
  const float top = row.Min.y + ui.px(10), bottom = row.Max.y - ui.px(10);
  if (opener > 0) {
    const bool open = opened_path_ == entry.path.string();
    const ImRect at(row.Max.x - opener + ui.px(4), top, row.Max.x, bottom);
    if (ui.icon_button(id + ".details", open ? Icon::chevron_down : Icon::chevron_right, ui.tr("models.details"), at, true, open, 14))
      opened_path_ = open ? std::string() : entry.path.string();
  }
  float right = row.Max.x - opener;
  if (resident) {
    const ImRect at(right - unload_width + ui.px(6), top, right, bottom);
    if (ui.button(id + ".unload", unload, at, {.kind = ButtonKind::ghost, .tooltip = ui.tr("models.resident"), .text_size = type::small}))
      shell.controller.unload_resident(entry.path.string());
    right -= unload_width;
  }
  if (opened_path_ == entry.path.string()) details_.draw(shell, column, entry);
  if (!ours) return;
  const ImRect box(right - ui.button_width(label, false, type::small), top, right, bottom);
  if (!ui.button(id + ".remove", label, box, {.kind = asked ? ButtonKind::danger : ButtonKind::ghost, .text_size = type::small})) return;
  if (asked) remove(shell, entry);
  asked_path_ = asked ? std::string() : entry.path.string();
}

void ModelsDialog::remove(Shell& shell, const model::LibraryEntry& entry) {
  if (shell.settings.of(shell.controller.mode()).model == entry.path) shell.controller.unload_model();
  Background& background = shell.controller.background();
  background.run([&background, &shell, places = shell.controller.places(), path = entry.path, files = entry.weight_files] {
    const Status done = hub::remove_model_files(places, path, files, true);  // asked for twice
    background.post([&shell, done] {
      if (!done.ok()) shell.controller.say(session::Notice::Kind::error, done.error().message);
      shell.models.look_again();
    });
  });
}

// ---- on the hub

void ModelsDialog::draw_hub(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  hub::Desk* desk = shell.models.hub_or_null();
  if (!desk) return;
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("models.hub_search"), .padding = ui.px(8), .submit_on_enter = true};
  look.take_focus = std::exchange(take_focus_, false);
  const auto field = ui.field("models.words", ui.tr("models.hub_search"), words_, column.take(ui.px(36), ui.px(10)), look, Icon::search);
  if (field.submitted && !words_.text().empty()) {
    const std::string words = words_.text();
    if (hub::parse_pull_name(words).ok()) desk->look(looked_at_ = hub::parse_pull_name(words)->repository);
    desk->search(words);
  }
  const hub::DeskSnapshot& state = shell.models.hub();
  const TextLook soft{.color = ui.color().text_soft};
  if (state.searching) {
    ui.text(column.take(ui.px(28)).Min, ui.tr("models.searching"), soft, column.width);
  } else if (!state.search_error.empty()) {
    column.y += ui.paragraph(ImVec2(column.x, column.y), state.search_error, {.color = ui.color().danger}, column.width) + ui.px(10);
  } else if (state.found.empty() && !state.words.empty()) {
    ui.text(column.take(ui.px(28)).Min, ui.tr.format("models.nothing_found", {state.words}), soft, column.width);
  }
  const bool shown_below = std::ranges::any_of(state.found, [&](const auto& found) { return found.id == looked_at_; });
  if (const hub::Look* named = shell.models.look_or_null(looked_at_); named && !shown_below) draw_look(shell, column, *named);
  int number = 0;
  for (const hub::FoundRepository& found : state.found) draw_found(shell, column, found, number++);
  draw_token(shell, column);
}

void ModelsDialog::draw_found(Shell& shell, Column& column, const hub::FoundRepository& found, int number) {
  Ui& ui = shell.ui;
  const ImRect row = column.take(ui.px(48), ui.px(2));
  const Hit hit = ui.interact("models.found." + std::to_string(number), found.id, row, true, radius::small);
  const bool open = looked_at_ == found.id;
  if (hit.hovered || open) ui.fill(row, hit.hovered ? ui.color().hover : ui.color().accent_soft, radius::small);
  const float left = row.Min.x + ui.px(10), width = row.GetWidth() - ui.px(50);
  ui.text(ImVec2(left, row.Min.y + ui.px(5)), found.id, {.weight = text::FontWeight::medium}, width);
  std::string details = found.gguf ? "GGUF" : "safetensors";
  if (found.parameters > 0) details += " · " + parameters_words(found.parameters);
  details += " · " + ui.tr.format("models.downloads", {short_number(static_cast<double>(found.downloads))});
  if (!found.licence.empty()) details += " · " + found.licence;
  if (found.gated) details += " · " + ui.tr("models.gated");
  ui.text(ImVec2(left, row.Min.y + ui.px(26)), details, {.size = type::small, .color = ui.color().text_soft}, width);
  ui.icon(open ? Icon::chevron_down : Icon::chevron_right, ImRect(row.Max.x - ui.px(30), row.Min.y, row.Max.x - ui.px(8), row.Max.y), 14, ui.color().text_faint);
  if (hit.clicked) {
    looked_at_ = open ? std::string() : found.id;
    if (!open && shell.models.hub_or_null()) shell.models.hub_or_null()->look(found.id);
  }
  if (const hub::Look* look = looked_at_ == found.id ? shell.models.look_or_null(found.id) : nullptr) draw_look(shell, column, *look);
}

void ModelsDialog::draw_look(Shell& shell, Column& column, const hub::Look& look) {
  Ui& ui = shell.ui;
  Column inner{column.x + ui.px(22), column.y + ui.px(2), column.width - ui.px(22)};
  if (!look.done) {
    ui.text(inner.take(ui.px(28)).Min, ui.tr("models.asking"), {.color = ui.color().text_soft}, inner.width);
  } else if (!look.error.empty()) {
    inner.y += ui.paragraph(ImVec2(inner.x, inner.y), look.error, {.size = type::small, .color = ui.color().danger}, inner.width) + ui.px(8);
  } else if (look.offers.empty()) {
    draw_offer(shell, inner.take(ui.px(36)), look.repository, "safetensors", look.folder_bytes);
  } else {
    for (const hub::Offer& offer : look.offers) draw_offer(shell, inner.take(ui.px(36)), look.repository + ":" + offer.selector, offer.selector, offer.bytes);
  }
  column.y = inner.y + ui.px(6);
}

void ModelsDialog::draw_offer(Shell& shell, const ImRect& row, const std::string& name, const std::string& label, uint64_t bytes) {
  Ui& ui = shell.ui;
  const std::string& words = ui.tr("models.fetch");
  const float button = ui.button_width(words, false, type::small);
  ui.text_in(ImRect(row.Min, ImVec2(row.Min.x + row.GetWidth() * 0.4f, row.Max.y)), label, {}, 0);
  ui.text_in(ImRect(row.Min.x + row.GetWidth() * 0.4f, row.Min.y, row.Min.x + row.GetWidth() * 0.58f, row.Max.y), size_words(bytes),
             {.color = ui.color().text_soft}, 0);
  draw_fit(shell, bytes, ImRect(row.Min.x + row.GetWidth() * 0.55f, row.Min.y, row.Max.x - button - ui.px(12), row.Max.y));
  const hub::Download* download = shell.models.download_or_null(name);
  const bool idle = !download || download->state == hub::Download::State::failed || download->state == hub::Download::State::paused;
  const ImRect box(row.Max.x - button, row.Min.y + ui.px(4), row.Max.x, row.Max.y - ui.px(4));
  if (ui.button("models.fetch." + name, words, box, {.enabled = idle, .text_size = type::small})) shell.models.hub_or_null()->download(name);
}

// An access token is written to its file and nowhere else; what is kept is never shown again.
void ModelsDialog::draw_token(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  column.y += ui.px(14);
  column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("models.token_words"), {.size = type::small, .color = ui.color().text_faint}, column.width) + ui.px(6);
  const std::string& save = ui.tr("models.token_save");
  const float button = ui.button_width(save, false);
  const ImRect row = column.take(ui.px(36), ui.px(8));
  const ImRect box(row.Min, ImVec2(row.Max.x - button - ui.px(8), row.Max.y));
  const text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("models.token"), .padding = ui.px(8), .submit_on_enter = true};
  const auto field = ui.field("models.token", ui.tr("models.token"), token_, box, look, Icon::lock);
  const bool wanted = ui.button("models.token_save", save, ImRect(box.Max.x + ui.px(8), row.Min.y, row.Max.x, row.Max.y), {.enabled = !token_.empty()});
  if ((!wanted && !field.submitted) || token_.empty()) return;
  Background& background = shell.controller.background();
  background.run([&background, &shell, places = shell.controller.places(), token = token_.text()] {
    const Status saved = hub::save_token(places, token);
    background.post([&shell, saved] {
      if (saved.ok()) shell.controller.say(session::Notice::Kind::info, shell.ui.tr("models.token_saved"));
      else shell.controller.say(session::Notice::Kind::error, saved.error().message);
    });
  });
  token_.set_text("");
}

}  // namespace fabula::gui
