#include "core/engine/engine.h"
#include "core/engine/sampler.h"
