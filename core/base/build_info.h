// What this program is made of: version, commit, compiler, and the libraries with their versions and licences. For About,
// --version, receipts and the API; one place, so that they all say the same.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fabula {

struct Dependency {
  std::string_view name;
  std::string_view version;  // found when it was built; "": the library does not say
  std::string_view licence;  // SPDX
};

std::string_view version();                   // "0.1.0"
std::string_view build_description();         // "abc1234, Release, GNU 12.2.0, x86_64"
std::span<const Dependency> dependencies();   // by name; Fabula itself is not among them
std::string version_text();                   // all of it, in lines, for a terminal

}  // namespace fabula
