#include "core/session/service.h"
#include "core/session/store.h"
#include "core/session/types.h"
