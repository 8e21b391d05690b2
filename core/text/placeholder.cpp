#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"
