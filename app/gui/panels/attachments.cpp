#include "app/gui/panels/attachments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/base/file.h"
#include "core/base/utf8.h"

namespace fabula::gui {
namespace {

constexpr uint64_t max_bytes = uint64_t{2} << 20;
constexpr size_t max_files = 8;

std::string shown_size(size_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  return bytes < 1'000'000 ? fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3) : fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace

Result<Attachment> read_attachment(const std::string& path) {
  Attachment out;
  out.name = std::filesystem::path(path).filename().string();
  FABULA_ASSIGN(out.text, read_file(path, max_bytes));
  if (out.text.starts_with("\xEF\xBB\xBF")) out.text.erase(0, 3);
  if (out.text.find('\0') != std::string::npos || !is_valid_utf8(out.text))
    return Error{ErrorCode::invalid_argument, out.name + " is not a text file (UTF-8), so a model cannot read it"};
  if (out.text.find_first_not_of(" \t\r\n") == std::string::npos)
    return Error{ErrorCode::invalid_argument, out.name + " is empty"};
  return out;
}

std::string with_attachments(const std::string& words, const std::vector<Attachment>& files) {
  std::string out = words;
  for (const Attachment& file : files) {
    size_t longest = 2, run = 0;
    for (const char c : file.text) {
      run = c == '`' ? run + 1 : 0;
      longest = std::max(longest, run);
    }
    const std::string fence(longest + 1, '`');
    const size_t dot = file.name.rfind('.');
    std::string language = dot == std::string::npos ? "" : file.name.substr(dot + 1);
    if (std::any_of(language.begin(), language.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; })) language.clear();
    if (!out.empty()) out += "\n\n";
    out += file.name + ":\n" + fence + language + "\n" + file.text + (file.text.ends_with('\n') ? "" : "\n") + fence;
  }
  return out;
}

void Attachments::add(Shell& shell, const std::string& path) {
  Background& background = shell.controller.background();
  background.run([this, &shell, &background, path] {
    auto read = std::make_shared<Result<Attachment>>(read_attachment(path));
    background.post([this, &shell, read] {
      Controller& controller = shell.controller;
      if (!*read) return controller.say(session::Notice::Kind::warning, read->error().message);
      if (files_.size() >= max_files) return controller.say(session::Notice::Kind::warning, shell.ui.tr("attach.too_many"));
      files_.push_back(std::move(**read));
      controller.count_tokens(files_.back().text, [this, name = files_.back().name](int64_t tokens) {
        for (Attachment& file : files_) {
          if (file.name == name) file.tokens = tokens;
        }
      });
    });
  });
}

void Attachments::draw(Shell& shell, ImVec2 at, float width) {
  Ui& ui = shell.ui;
  const float height = ui.px(28), button = ui.px(22), right = at.x + width;
  size_t gone = SIZE_MAX;
  for (size_t i = 0; i < files_.size(); ++i) {
    const Attachment& file = files_[i];
    std::string about = shown_size(file.text.size());
    if (file.tokens >= 0) about += " · " + ui.tr.format("stats.tokens", {std::to_string(file.tokens)});
    const TextLook name{.size = type::small, .weight = text::FontWeight::medium}, faint{.size = type::caption, .color = ui.color().text_soft};
    const float name_width = std::min(ui.measure(file.name, name).x, ui.px(180)), about_width = ui.measure(about, faint).x;
    const float length = ui.px(28) + name_width + ui.px(8) + about_width + ui.px(6) + button;
    if (at.x + length > right && i > 0) {  // the rest as a number
      ui.text(ImVec2(at.x, at.y + ui.px(6)), fmt::format("+{}", files_.size() - i), faint);
      break;
    }
    const ImRect box(at.x, at.y, at.x + length, at.y + height);
    ui.fill(box, ui.color().accent_soft, radius::control);
    ui.icon(Icon::file, ImRect(box.Min.x + ui.px(4), box.Min.y, box.Min.x + ui.px(24), box.Max.y), 14, ui.color().accent);
    ui.text(ImVec2(box.Min.x + ui.px(26), box.Min.y + ui.px(5)), file.name, name, name_width + 1);
    ui.text(ImVec2(box.Min.x + ui.px(34) + name_width, box.Min.y + ui.px(6)), about, faint);
    const std::string id = "attachment." + std::to_string(i);
    ui.mention(id, file.name + ", " + about, box);
    const ImRect close(box.Max.x - button - ui.px(2), box.Min.y + ui.px(3), box.Max.x - ui.px(2), box.Min.y + ui.px(3) + button);
    if (ui.icon_button(id + ".remove", Icon::close, ui.tr("attach.remove"), close, true, false, 12)) gone = i;
    at.x += length + ui.px(6);
  }
  if (gone < files_.size()) files_.erase(files_.begin() + static_cast<ptrdiff_t>(gone));
}

}  // namespace fabula::gui
