// Where Fabula keeps things: the XDG base directory specification. An empty variable counts as unset; a relative one is ignored.
#pragma once

#include <filesystem>
#include <string>

namespace fabula {

struct Places {
  std::filesystem::path config;  // settings.json
  std::filesystem::path data;    // fabula.db, models/
  std::filesystem::path cache;   // kv/ and packed weights; may be deleted at any time
  std::filesystem::path state;   // log/
  std::filesystem::path shipped_models;  // models that came with the program, never written; "" where none did

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

// What a program uses: its --data-dir, or the environment where that is "", and the models that came with it.
Places places_of_program(const std::string& data_dir);

// Where models lie that came with this program: PREFIX/share/fabula/models of one that is installed or unpacked below PREFIX,
// assets/models of the source tree around a build folder; "" where there is neither. Touches the disk.
std::filesystem::path shipped_models_folder(const std::filesystem::path& executable);

}  // namespace fabula
