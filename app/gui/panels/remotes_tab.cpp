#include "app/gui/panels/remotes_tab.h"

namespace fabula::gui {

namespace {

constexpr float row_dp = 36, model_dp = 32, label_share = 0.24f;

}  // namespace

void RemotesTab::draw(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const TextLook soft{.size = type::small, .color = ui.color().text_soft};
  column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("remote.words"), soft, column.width) + ui.px(12);
  RemoteDesk& desk = shell.models.remotes();
  if (!desk.error().empty()) column.y += ui.paragraph(ImVec2(column.x, column.y), desk.error(), {.size = type::small, .color = ui.color().danger}, column.width) + ui.px(8);
  int number = 0;
  for (const RemoteServer& server : desk.servers()) draw_server(shell, column, server, number++);
  draw_form(shell, column);
}

void RemotesTab::draw_server(Shell& shell, Column& column, const RemoteServer& server, int number) {
  Ui& ui = shell.ui;
  const std::string id = "remote." + std::to_string(number);
  const ImRect row = column.take(ui.px(46), ui.px(2));
  const bool asked = asked_name_ == server.endpoint.name;
  const std::string& label = ui.tr(asked ? "remote.remove_really" : "models.remove");
  const float button = ui.button_width(label, false, type::small), width = row.GetWidth() - button - ui.px(16);
  ui.text(ImVec2(row.Min.x, row.Min.y + ui.px(4)), server.endpoint.name, {.weight = text::FontWeight::medium}, width);
  std::string about = server.endpoint.url;
  if (!server.answered) about += " · " + ui.tr("remote.asking");
  if (!server.error.empty()) about = server.error;
  ui.text(ImVec2(row.Min.x, row.Min.y + ui.px(24)), about, {.size = type::small, .color = server.error.empty() ? ui.color().text_soft : ui.color().warning}, width);
  if (!server.error.empty() && ui.hovers(row)) ui.tooltip(row, server.error + "\n" + server.endpoint.url);
  const ImRect box(row.Max.x - button, row.Min.y + ui.px(8), row.Max.x, row.Max.y - ui.px(8));
  if (ui.button(id + ".remove", label, box, {.kind = asked ? ButtonKind::danger : ButtonKind::ghost, .text_size = type::small})) {
    if (asked)
      shell.models.remotes().remove(server.endpoint.name, [&shell](const Status& done) {
        if (!done.ok()) shell.controller.say(session::Notice::Kind::error, done.error().message);
      });
    asked_name_ = asked ? std::string() : server.endpoint.name;
  }
  const std::string& now = shell.settings.of(shell.controller.mode()).model;
  for (size_t i = 0; i < server.models.size(); ++i) {
    const std::string path = RemoteDesk::model_path(server, server.models[i]);
    const ImRect line = column.take(ui.px(model_dp), ui.px(1));
    const Hit hit = ui.interact(id + ".model." + std::to_string(i), server.models[i], line, true, radius::small);
    if (path == now) ui.fill(line, ui.color().accent_soft, radius::small);
    else if (hit.hovered) ui.fill(line, ui.color().hover, radius::small);
    ui.text_in(ImRect(line.Min.x + ui.px(22), line.Min.y, line.Max.x - ui.px(8), line.Max.y), server.models[i], {}, 0);
    if (!hit.clicked) continue;
    shell.controller.load_model(path);
    ImGui::CloseCurrentPopup();
  }
  column.y += ui.px(8);
}

void RemotesTab::draw_form(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  ui.hairline(ImVec2(column.x, column.y), ImVec2(column.x + column.width, column.y));
  column.y += ui.px(12);
  ui.text_in(column.take(ui.px(26), ui.px(4)), ui.tr("remote.add_title"), {.weight = text::FontWeight::medium}, 0);
  const struct {
    const char* id;
    text::Editor& editor;
    const char* example;
  } fields[] = {{"remote.name", name_, "office"}, {"remote.url", url_, "http://127.0.0.1:8080/v1"}, {"remote.key", key_, ""}};
  bool submitted = false;
  for (const auto& field : fields) {
    const ImRect row = column.take(ui.px(row_dp), ui.px(6));
    const float middle = row.Min.x + row.GetWidth() * label_share;
    ui.text_in(ImRect(row.Min, ImVec2(middle, row.Max.y)), ui.tr(field.id), {}, 0);
    const text::EditBox look{.size_px = ui.px(type::body), .placeholder = field.example, .padding = ui.px(8), .submit_on_enter = true};
    submitted |= ui.field(field.id, ui.tr(field.id), field.editor, ImRect(ImVec2(middle, row.Min.y), row.Max), look).submitted;
  }
  const std::string& words = ui.tr(adding_ ? "remote.asking" : "remote.add");
  const ImRect row = column.take(ui.px(row_dp), ui.px(6));
  const float button = ui.button_width(words, false);
  const bool ready = !adding_ && !name_.empty() && !url_.empty();
  if (ui.button("remote.add", words, ImRect(row.Max.x - button, row.Min.y, row.Max.x, row.Max.y), {.kind = ButtonKind::primary, .enabled = ready}) || (submitted && ready)) add(shell);
  if (!error_.empty()) ui.paragraph(ImVec2(row.Min.x, row.Min.y + ui.px(4)), error_, {.size = type::small, .color = ui.color().danger}, row.GetWidth() - button - ui.px(16));
  column.y += ui.px(4) + ui.paragraph(ImVec2(column.x, column.y), ui.tr("remote.key_words"), {.size = type::small, .color = ui.color().text_faint}, column.width);
}

// The key is written to its file and nowhere else; what is kept is never shown again.
void RemotesTab::add(Shell& shell) {
  error_.clear();
  adding_ = true;
  engine::RemoteEndpoint endpoint{name_.text(), url_.text()};
  while (endpoint.url.ends_with('/')) endpoint.url.pop_back();
  shell.models.remotes().add(std::move(endpoint), key_.text(), [this](const Status& kept) {
    adding_ = false;
    if (!kept.ok()) {
      error_ = kept.error().message;
      return;
    }
    for (text::Editor* editor : {&name_, &url_, &key_}) editor->set_text("");
  });
}

}  // namespace fabula::gui
