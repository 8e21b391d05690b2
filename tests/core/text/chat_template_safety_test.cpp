// What a template cannot do, and what its output tells about where characters came from.
#include <doctest/doctest.h>

#include "core/text/chat_template.h"
