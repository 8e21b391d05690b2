// The API as the session service opens it, for whoever asks (Service::listen).
#pragma once

#include "core/session/service_types.h"

namespace fabula::server {

session::OpenListener listener_opener();

}  // namespace fabula::server
