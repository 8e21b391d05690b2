// Every reply of the open session written again from its receipt and compared; the outcome comes as a toast.
#include "app/gui/controller_when.h"
#include "app/gui/replay_words.h"
#include "core/base/utf8.h"

namespace fabula::gui {

namespace {

constexpr size_t shown_characters = 40;

std::string beginning_of(const std::string& text) {
  size_t at = 0, characters = 0;
  while (at < text.size() && text[at] != '\n' && characters < shown_characters) {
    decode_utf8(text, at);
    ++characters;
  }
  return text.substr(0, at) + (at < text.size() ? "…" : "");
}

}  // namespace

void Controller::replay() {
  before_change();
  if (!service_ || current().empty()) return;
  using session::Notice;
  say(Notice::Kind::info, tr_("replay.begun"));
  when_or_say<session::ReplayReport>(service_->replay(current()), [this, session = current()](const session::ReplayReport& report) {
    const auto view = service_ ? service_->view_or_null(session) : nullptr;
    const std::string words = replay_words(tr_, report, [&](const std::string& id) {
      if (view)
        for (const auto& message : view->path)
          if (message->id == id) return beginning_of(message->text);
      return id;  // on another branch
    });
    say(report.different > 0 ? Notice::Kind::warning : Notice::Kind::info, words);
  });
}

}  // namespace fabula::gui
