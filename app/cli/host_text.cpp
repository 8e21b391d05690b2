#include "app/cli/host_text.h"

#include <array>
#include <chrono>

#include "app/cli/interrupt.h"
#include "core/base/clock.h"
#include "core/session/attached_service.h"

namespace fabula::cli {

namespace {

constexpr std::chrono::milliseconds answer_time{5000};  // that a host has to say who it is, on a machine that is busy otherwise

// The settings are compared by the host, which alone knows them; without the file nobody needs to be asked.
bool has_loaded(const session::Service& service, const std::filesystem::path& path) {
  for (const session::Mode mode : {session::Mode::chat, session::Mode::story}) {
    const session::ModelState state = service.model_state(mode);
    std::error_code absent;
    if (state.id != 0 && std::filesystem::equivalent(state.path, path, absent)) return true;
  }
  return false;
}

}  // namespace

HostText::HostText(std::unique_ptr<session::AttachedService> service) : service_(std::move(service)) {}
HostText::~HostText() = default;

std::unique_ptr<HostText> HostText::find_or_null(const App& app, const engine::ModelLoad& load) {
  session::Service::Options options;
  options.places = app.places();
  options.program = "fabula-cli";
  auto attached = session::AttachedService::connect(std::move(options), answer_time);
  if (!attached.ok() || !has_loaded(**attached, load.path)) return nullptr;
  return std::unique_ptr<HostText>(new HostText(*std::move(attached)));
}

Result<session::TextReply> HostText::write(session::TextRequest request,
                                           const std::function<void(std::string_view)>& show) {
  request.id = make_uuid_v7();
  const std::string id = request.id;
  const uint64_t follower = service_->follow([&](const std::string&, const std::string& message, std::string_view piece) {
    if (message == id) show(piece);
  });
  const InterruptScope interrupts;
  auto answer = service_->generate(std::move(request));
  // The short waits are for Ctrl+C alone: a signal handler may not notify.
  while (answer.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready)
    if (interrupts.take()) service_->cancel_text(id);
  service_->unfollow(follower);
  return answer.get();
}

}  // namespace fabula::cli
