#include "app/gui/panels/model_picker.h"

#include <algorithm>
#include <map>

#include "app/gui/panels/load_question.h"
#include "app/gui/panels/model_rows.h"

namespace fabula::gui {

namespace {

constexpr float width_dp = 420, list_dp = 380, row_dp = 46;

bool matches(const model::LibraryEntry& entry, const std::string& query) {
  return query.empty() || contains_folded(entry.name, query) || contains_folded(entry.source, query) || contains_folded(entry.card.architecture, query);
}

// By where they were found, in the library's order; those that can be used first, the last used before others.
std::vector<std::pair<std::string, std::vector<const model::LibraryEntry*>>> grouped(std::initializer_list<const std::vector<model::LibraryEntry>*> lists,
                                                                                  const std::string& query) {
  std::map<std::string, std::vector<const model::LibraryEntry*>> groups;
  for (const auto* entries : lists)
    for (const model::LibraryEntry& entry : *entries)
      if (matches(entry, query)) groups[entry.found_in].push_back(&entry);
  std::vector<std::pair<std::string, std::vector<const model::LibraryEntry*>>> out(groups.begin(), groups.end());
  for (auto& [place, entries] : out)
    std::ranges::stable_sort(entries, [](const model::LibraryEntry* a, const model::LibraryEntry* b) {
      const bool usable_a = a->card.unusable.empty(), usable_b = b->card.unusable.empty();
      return usable_a != usable_b ? usable_a : a->last_used > b->last_used;
    });
  return out;
}

// The models of servers elsewhere, in the shape of those at hand.
std::vector<model::LibraryEntry> elsewhere_served(const std::vector<RemoteServer>& servers) {
  std::vector<model::LibraryEntry> out;
  for (const RemoteServer& server : servers)
    for (const std::string& name : server.models)
      out.push_back({.name = name, .path = RemoteDesk::model_path(server, name), .found_in = server.endpoint.name, .source = server.endpoint.url});
  return out;
}

// Opened by hand from somewhere that is no store of models: nothing is known of these but their place.
std::vector<model::LibraryEntry> elsewhere(const std::vector<std::string>& recent, const model::LibrarySnapshot& library, const std::string& heading) {
  std::vector<model::LibraryEntry> out;
  for (const std::string& path : recent) {
    const bool known = std::ranges::any_of(library.models, [&](const model::LibraryEntry& entry) { return entry.path == path; });
    if (!known) out.push_back({.name = model::model_name(path), .path = path, .found_in = heading});
  }
  return out;
}

}  // namespace

void ModelPicker::open(Shell& shell) {
  shell.models.remotes().look();
  query_.set_text("");
  take_focus_ = true;
  ImGui::OpenPopup("model.menu");
}

void ModelPicker::draw(Shell& shell, const ImRect& anchor) {
  Ui& ui = shell.ui;
  const float width = ui.px(width_dp);
  if (!ui.begin_menu("model.menu", ImVec2(std::max(ui.px(8), anchor.Max.x - width), anchor.Max.y + ui.px(4)), width_dp)) return;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float inner = ImGui::GetContentRegionAvail().x;
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("models.search"), .padding = ui.px(7)};
  look.take_focus = std::exchange(take_focus_, false);
  ui.field("model.search", ui.tr("models.search"), query_, ImRect(at.x, at.y, at.x + inner, at.y + ui.px(34)), look, Icon::search);
  ImGui::SetCursorScreenPos(ImVec2(at.x, at.y + ui.px(40)));
  const float room = ImGui::GetIO().DisplaySize.y - anchor.Max.y - ui.px(210);
  draw_list(shell, inner, std::clamp(room, ui.px(120), ui.px(list_dp)));
  ui.menu_separator();
  Controller& c = shell.controller;
  if (ui.menu_item("model.find", ui.tr("models.find"), "", true, false, Icon::arrow_down)) shell.ask.models = true;
  if (ui.menu_item("model.servers", ui.tr("model.servers"), "", true, false, Icon::cube)) shell.ask.servers = true;
  if (ui.menu_item("model.open", ui.tr("model.open"), "", true, false, Icon::folder)) shell.commands.run("open_model");
  if (c.frame().model.phase == session::ModelState::Phase::ready && ui.menu_item("model.unload", ui.tr("model.unload"), "", true, false, Icon::close))
    c.unload_model();
  ui.end_menu();
}

void ModelPicker::draw_list(Shell& shell, float width, float height) {
  Ui& ui = shell.ui;
  Controller& c = shell.controller;
  const auto recent = elsewhere(shell.settings.recent_models, shell.models.library(), ui.tr("models.elsewhere"));
  const auto served = elsewhere_served(shell.models.remotes().servers());
  const auto groups = grouped({&recent, &shell.models.library().models, &served}, query_.text());
  float wanted = ui.px(8);
  for (const auto& [place, entries] : groups) wanted += ui.px(26) + static_cast<float>(entries.size()) * ui.px(row_dp);
  if (groups.empty()) wanted = ui.px(44);
  const std::string& now = shell.settings.of(c.mode()).model;
  const model::LibraryEntry* chosen = nullptr;
  if (ImGui::BeginChild("models", ImVec2(width, std::min(wanted, height)))) {
    const ImVec2 top = ImGui::GetCursorScreenPos();
    Column column{top.x, top.y, ImGui::GetContentRegionAvail().x};
    int number = 0;
    for (const auto& [place, entries] : groups) {
      const ImRect heading = column.take(ui.px(26));
      ui.text_in(ImRect(heading.Min.x + ui.px(10), heading.Min.y, heading.Max.x, heading.Max.y), place_words(ui, place),
                 {.size = type::caption, .color = ui.color().text_faint, .weight = text::FontWeight::semibold}, 0);
      for (const model::LibraryEntry* entry : entries) {
        const ImRect row = column.take(ui.px(row_dp));
        if (draw_model_row(shell, "model." + std::to_string(number++), *entry, row, entry->path == now)) chosen = entry;
      }
    }
    if (groups.empty())
      ui.text(ImVec2(column.x + ui.px(10), column.y + ui.px(10)), ui.tr(shell.models.library().complete ? "models.none" : "models.looking"),
              {.color = ui.color().text_faint}, width);
    ImGui::SetCursorScreenPos(top);
    ImGui::Dummy(ImVec2(1, column.y - top.y));
  }
  ImGui::EndChild();
  if (chosen == nullptr) return;
  const std::string path = chosen->path.string();
  ImGui::CloseCurrentPopup();
  choose_model(shell, path);
}

}  // namespace fabula::gui
