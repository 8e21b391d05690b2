// How the interpreter stops: one exception type that never leaves this folder's door (ChatTemplate catches
// it).
#pragma once

#include <string>
#include <utility>

namespace fabula::text::jinja {

// `type` is the name of the Python or Jinja exception that the reference implementation raises.
struct Failure {
  std::string type;
  std::string message;
  int line = 0;  // of the template; 0 where it is not known
};

[[noreturn]] inline void fail(std::string type, std::string message, int line = 0) {
  throw Failure{std::move(type), std::move(message), line};
}

[[noreturn]] inline void type_error(std::string message) {
  fail("TypeError", std::move(message));
}
[[noreturn]] inline void value_error(std::string message) {
  fail("ValueError", std::move(message));
}

}  // namespace fabula::text::jinja
