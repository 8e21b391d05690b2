// Switches that a chat template knows, such as thinking on and off, found by trying: a variable is one where the
// prompt reads otherwise with it on than with it off.
#pragma once

#include "core/session/types.h"
#include "core/text/chat_template.h"

namespace fabula::session {

// name -> what the template does where nobody says anything.
TemplateSwitches switches_of(const text::ChatTemplate& chat_template);

}  // namespace fabula::session
