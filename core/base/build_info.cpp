#include "core/base/build_info.h"

#include <algorithm>

namespace fabula {

namespace {

constexpr Dependency table[] = {
#include "build_info.inc"
};

}  // namespace

std::string_view version() {
  return FABULA_VERSION;
}

std::string_view build_description() {
  return FABULA_BUILD;
}

std::span<const Dependency> dependencies() {
  return table;
}

std::string version_text() {
  std::string out = "Fabula " + std::string(version()) + " (" + std::string(build_description()) + ")\nLicence: Apache-2.0\n\nMade with\n";
  size_t widest = 0;
  for (const Dependency& d : table) widest = std::max(widest, d.name.size() + 1 + d.version.size());
  for (const Dependency& d : table) {
    std::string line = std::string(d.name) + " " + std::string(d.version);
    line.resize(widest + 2, ' ');
    out += "  " + line + std::string(d.licence) + "\n";
  }
  return out;
}

}  // namespace fabula
