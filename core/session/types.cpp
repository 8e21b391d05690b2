#include "core/session/types.h"

#include <array>

namespace fabula::session {

namespace {

constexpr std::array mode_names{"chat", "story"};
constexpr std::array overflow_names{"ask", "drop_oldest"};
constexpr std::array role_names{"system", "user", "assistant", "tool"};

template <class Kind, size_t count>
std::optional<Kind> find_name(const std::array<const char*, count>& names, std::string_view name) {
  for (size_t i = 0; i < count; ++i)
    if (name == names[i]) return static_cast<Kind>(i);
  return std::nullopt;
}

}  // namespace

const char* mode_name(Mode mode) { return mode_names[static_cast<size_t>(mode)]; }
const char* role_name(Role role) { return role_names[static_cast<size_t>(role)]; }
std::optional<Mode> mode_or_none(std::string_view name) { return find_name<Mode>(mode_names, name); }
std::optional<Role> role_or_none(std::string_view name) { return find_name<Role>(role_names, name); }
const char* overflow_name(Overflow overflow) { return overflow_names[static_cast<size_t>(overflow)]; }
std::optional<Overflow> overflow_or_none(std::string_view name) { return find_name<Overflow>(overflow_names, name); }

}  // namespace fabula::session
