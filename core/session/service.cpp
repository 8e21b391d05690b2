#include "core/session/service.h"

#include "core/session/host_service.h"

namespace fabula::session {

Result<std::unique_ptr<Service>> Service::open(Options options) {
  FABULA_ASSIGN(HostLock lock, HostLock::acquire(options.places.data));
  return HostService::open(std::move(options), std::move(lock));
}

bool raise_running_window(const Places&, const std::string&) {
  return false;
}

}  // namespace fabula::session
