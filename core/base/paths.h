// Where Fabula keeps things: the XDG base directory specification. An empty variable counts as unset; a relative one is ignored.
#pragma once

#include <filesystem>

namespace fabula {

struct Places {
  std::filesystem::path config;  // settings.json
  std::filesystem::path data;    // fabula.db, models/
  std::filesystem::path cache;   // kv/ and packed weights; may be deleted at any time
  std::filesystem::path state;   // log/

  std::filesystem::path settings_file() const { return config / "settings.json"; }
  std::filesystem::path presets_file() const { return config / "presets.json"; }
  std::filesystem::path database_file() const { return data / "fabula.db"; }
  std::filesystem::path models_folder() const { return data / "models"; }
  std::filesystem::path kv_folder() const { return cache / "kv"; }
  std::filesystem::path packed_folder() const { return cache / "packed"; }
  std::filesystem::path fingerprint_folder() const { return cache / "fingerprints"; }
  std::filesystem::path log_folder() const { return state / "log"; }
};

// From the environment: $XDG_CONFIG_HOME/fabula and so on.
Places places_from_environment();

// All four below one folder (--data-dir DIR): DIR/config, DIR/data, DIR/cache, DIR/state.
Places places_below(const std::filesystem::path& folder);

}  // namespace fabula
