#include "core/compute/executor.h"
#include "core/compute/model_spec.h"
