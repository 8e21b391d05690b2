// A text written on by the process that holds the data directory, where it has the model loaded already (CONTRACT,
// Processes): `generate` beside an open window loads nothing a second time.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "app/cli/common.h"
#include "core/session/text_request.h"

namespace fabula::session {
class AttachedService;
}

namespace fabula::cli {

class HostText {
 public:
  // null: nobody holds the data directory, or what is loaded there is another model, or other settings.
  static std::unique_ptr<HostText> find_or_null(const App& app, const engine::ModelLoad& load);
  ~HostText();

  // `show` gets the text as it comes, on another thread, and never after this returned. Ctrl+C cancels. Errors: not_found
  // (the model was put away meanwhile), and the host's.
  Result<session::TextReply> write(session::TextRequest request, const std::function<void(std::string_view)>& show);

 private:
  explicit HostText(std::unique_ptr<session::AttachedService> service);
  std::unique_ptr<session::AttachedService> service_;
};

}  // namespace fabula::cli
