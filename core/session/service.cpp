#include "core/session/service.h"

#include <thread>

#include "core/base/clock.h"
#include "core/session/attached_service.h"
#include "core/session/host_service.h"

namespace fabula::session {

namespace {

constexpr std::chrono::milliseconds answer_time{5000};  // that a host has to say who it is
constexpr double handover_seconds = 8;                  // that a host which is ending has to let go
constexpr std::chrono::milliseconds between_tries{20};
constexpr std::chrono::milliseconds raise_time{1000};

}  // namespace

// Whoever gets the lock is the host. Where another has it and nobody listens, it is just starting or ending:
// the lock and the socket are tried by turns until one of them gives way.
Result<std::unique_ptr<Service>> Service::open(Options options) {
  const double until = monotonic_seconds() + handover_seconds;
  for (;;) {
    Result<HostLock> lock = HostLock::acquire(options.places.data);
    if (lock.ok()) return HostService::open(std::move(options), *std::move(lock));
    if (lock.error().code != ErrorCode::busy || !options.may_attach) return lock.error();
    auto attached = AttachedService::connect(options, answer_time);
    if (attached.ok()) return std::unique_ptr<Service>(*std::move(attached));
    if (attached.error().code == ErrorCode::unsupported) return attached.error();
    if (attached.error().code != ErrorCode::not_found || monotonic_seconds() > until) return lock.error();
    std::this_thread::sleep_for(between_tries);
  }
}

bool raise_running_window(const Places& places, const std::string& argument) {
  Service::Options options;
  options.places = places;
  auto attached = AttachedService::connect(std::move(options), raise_time);
  if (!attached.ok()) return false;
  Answer<bool> raised = (*attached)->raise(argument);
  if (raised.wait_for(raise_time) != std::future_status::ready) return false;
  const Result<bool> done = raised.get();
  return done.ok() && *done;
}

}  // namespace fabula::session
