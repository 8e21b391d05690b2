// The controller's part in sessions as wholes: opening, naming, copying, throwing away, files.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/gui/controller_when.h"
#include "core/base/clock.h"
#include "core/base/file.h"

namespace fabula::gui {
namespace {

using session::Mode;
using Kind = session::Notice::Kind;

constexpr uint64_t max_import_bytes = uint64_t{512} << 20;

// The words alone: a story's page as it stands, the turns of a chat apart by empty lines.
std::string plain_text(const session::SessionView& view) {
  std::string out;
  for (const auto& message : view.path) {
    if (view.info.mode == Mode::chat && !out.empty()) out += "\n\n";
    out += message->text;
  }
  return out + "\n";
}

}  // namespace

// ---- modes and sessions

void Controller::set_mode(Mode mode) {
  before_change();
  if (mode == mode_) return;
  mode_ = mode;
  settings_.mode = mode == Mode::chat ? "chat" : "story";
  save_settings();
  ensure_model();
  look_at_current();
  if (service_ && !current().empty()) select(current());
}

void Controller::select(const std::string& session) {
  before_change();
  if (!service_) return;
  const std::string before = current();
  if (before != session && !before.empty() && !replying_.contains(before)) service_->close_session(before);
  current_[index(mode_)] = session;
  born_[index(mode_)].clear();
  if (before != session) chosen_at_ = monotonic_seconds();
  settings_.of(mode_).last_session = session;
  save_settings();
  look_at_current();
  if (session.empty() || frame_.view) return;
  when<session::SessionView>(service_->open_session(session), [this, session](Result<session::SessionView> view) {
    if (view || current() != session) return;
    current_[index(mode_)].clear();  // gone since the last run
    if (view.error().code != ErrorCode::not_found) say(Kind::error, view.error().message);
  });
}

// In its own mode.
void Controller::show(const std::string& session) {
  const auto sessions = service_->sessions();
  const auto found = std::find_if(sessions->begin(), sessions->end(), [&](const auto& info) { return info.id == session; });
  if (found != sessions->end()) set_mode(found->mode);
  select(session);
}

void Controller::new_session() {
  unborn_[index(mode_)] = {};
  select("");
}

void Controller::take_born(Mode mode, const std::string& session) {
  current_[index(mode)] = born_[index(mode)] = session;
  settings_.of(mode).last_session = session;
  save_settings();
}

void Controller::rename(const std::string& session, const std::string& title) {
  if (service_) when_done(service_->rename(session, title), {});
}

void Controller::remove(const std::string& session) {
  if (!service_) return;
  service_->cancel(session);
  when_done(service_->remove(session), [this, session] {
    for (auto& open : current_) {
      if (open == session) open.clear();
    }
    say(Kind::info, tr_("toast.deleted"), session);
  });
}

void Controller::restore(const std::string& session) {
  if (!service_) return;
  std::erase_if(toasts_, [&](const Toast& t) { return t.undo_session == session; });
  when_done(service_->restore(session), [this, session] { select(session); });
}

void Controller::purge(const std::string& session) {
  if (service_) when_done(service_->purge(session), [this] { say(Kind::info, tr_("toast.purged")); });
}

void Controller::set_pinned(const std::string& session, bool pinned) {
  if (service_) when_done(service_->set_pinned(session, pinned), {});
}

void Controller::set_labels(const std::string& session, const std::string& folder, std::vector<std::string> tags) {
  if (service_) when_done(service_->set_labels(session, folder, std::move(tags)), {});
}

void Controller::export_to(const std::string& session, const std::string& path) {
  before_change();
  if (!service_) return;
  if (const auto view = service_->view_or_null(session); view && path.ends_with(".txt")) {
    write_export(path, [view] { return plain_text(*view); });
  } else if (path.ends_with(".md") || path.ends_with(".txt")) {
    when_or_say<std::string>(service_->export_markdown(session), [this, path](std::string text) {
      write_export(path, [text = std::move(text)] { return text; });
    });
  } else {
    when_or_say<OrderedJson>(service_->export_session(session), [this, path](OrderedJson document) { write_document(path, std::move(document)); });
  }
}

void Controller::export_all_to(const std::string& path) {
  before_change();
  if (!service_) return;
  when_or_say<OrderedJson>(service_->export_all(), [this, path](OrderedJson document) { write_document(path, std::move(document)); });
}

void Controller::write_document(const std::string& path, OrderedJson document) {
  write_export(path, [document = std::move(document)] { return dump_json(document, 2) + "\n"; });
}

// The text is made off this thread, too: of a long session it takes a tenth of a second.
void Controller::write_export(const std::string& path, std::function<std::string()> text) {
  background_.run([this, &background = background_, path, text = std::move(text)] {
    auto written = std::make_shared<Status>(write_file_atomically(path, text()));
    background.post([this, path, written] {
      if (*written) {
        say(Kind::info, tr_.format("toast.exported", {path}));
      } else {
        say(Kind::error, written->error().message);
      }
    });
  });
}

void Controller::import_from(const std::string& path) {
  if (!service_) return;
  background_.run([this, &background = background_, path] {
    auto text = std::make_shared<Result<std::string>>(read_file(path, max_import_bytes));
    background.post([this, text] {
      if (!*text) return say(Kind::error, text->error().message);
      if (!service_) return;
      when_or_say<std::vector<std::string>>(service_->import_all(**text), [this](std::vector<std::string> ids) {
        if (!ids.empty()) show(ids.front());
        say(Kind::info, tr_.count("toast.imported", static_cast<int64_t>(ids.size())));
      });
    });
  });
}

// A session's document under a new id: the importer gives new ids to messages that are there already.
void Controller::copy_session(const std::string& session, const std::string& current, const char* title, const char* toast) {
  before_change();
  if (!service_ || session.empty()) return;
  when_or_say<OrderedJson>(service_->export_session(session), [this, current, title, toast](OrderedJson document) {
    if (!document.contains("session")) return;
    if (!current.empty()) document["current"] = current;
    document["session"]["id"] = make_uuid_v7();
    document["session"]["title"] = tr_.format(title, {document["session"].value("title", "")});
    background_.run([this, &background = background_, toast, document = std::move(document)] {
      background.post([this, toast, text = dump_json(document)] {
        if (!service_) return;
        when_or_say<std::string>(service_->import_session(text), [this, toast](std::string id) {
          show(id);
          say(Kind::info, tr_(toast));
        });
      });
    });
  });
}

void Controller::branch(const std::string& message) { copy_session(current(), message, "session.branch_title", "toast.branched"); }

void Controller::duplicate(const std::string& session) { copy_session(session, "", "session.copy_title", "toast.duplicated"); }

void Controller::undo() {
  before_change();
  if (!service_ || current().empty() || generating()) return;
  when_or_say<bool>(service_->undo(current()), [this](bool done) {
    if (!done) say(Kind::info, tr_("toast.nothing_to_undo"));
  });
}

void Controller::redo() {
  before_change();
  if (!service_ || current().empty() || generating()) return;
  when_or_say<bool>(service_->redo(current()), [this](bool done) {
    if (!done) say(Kind::info, tr_("toast.nothing_to_redo"));
  });
}

}  // namespace fabula::gui
