// The OpenAPI 3.0 description of the server, made from one table of operations.
#pragma once

#include "core/base/json.h"

namespace fabula::server {

OrderedJson openapi_document();

}  // namespace fabula::server
