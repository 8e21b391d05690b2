// The key of the local API: made once, kept in a file that only its owner reads.
#pragma once

#include <string>

#include "core/base/paths.h"
#include "core/base/result.h"

namespace fabula::gui {

struct ServerKey {
  std::string text;  // "": there are no random numbers to make one of
  Status kept;       // an error: it works for as long as the window is open, and the next start makes another
};

// Thread: any but the UI's, for they read and write a file.
ServerKey load_or_make_server_key(const Places& places);
ServerKey make_server_key(const Places& places);

}  // namespace fabula::gui
