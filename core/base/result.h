// Errors are values. Every function of core/ and gpu/ that input can make fail returns a Result<T>; asserts are for
// mistakes of the programmer that no input can reach. Nothing in core/ throws across a room's border.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace fabula {

enum class ErrorCode {
  invalid_argument,  // the caller asked for something that makes no sense
  not_found,         // no such file, session, message, model
  already_exists,
  io,                // the operating system said no: permission, full disk, short read
  corrupt,           // the bytes are not what their format demands
  unsupported,       // well formed, but Fabula does not know this type, flag, architecture
  out_of_memory,
  context_overflow,  // the prompt is longer than the context; the message names both numbers
  cancelled,
  busy,              // held by another process or request; trying again later makes sense
  no_device,         // a GPU was asked for and none can be used: no driver or one too old, no such device, built without CUDA
  device_lost,       // the GPU faulted or went away, and what it held with it: the model must be loaded again, there or elsewhere
  internal,          // a broken invariant that was noticed in time
};

// Message in plain words for the person at the window: what was expected, what was found, which file, tensor, offset.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}    // NOLINT: implicit on purpose
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace fabula

#define FABULA_CONCAT_(a, b) a##b
#define FABULA_CONCAT(a, b) FABULA_CONCAT_(a, b)

// FABULA_TRY(expression): returns the error to the caller, or goes on.
#define FABULA_TRY(...)                                                     \
  do {                                                                      \
    if (auto fabula_try_ = (__VA_ARGS__); !fabula_try_.ok()) return std::move(fabula_try_).error(); \
  } while (false)

// FABULA_ASSIGN(auto x, expression): x gets the value, or the error goes to the caller.
#define FABULA_ASSIGN(target, ...)                                                            \
  auto FABULA_CONCAT(fabula_result_, __LINE__) = (__VA_ARGS__);                               \
  if (!FABULA_CONCAT(fabula_result_, __LINE__).ok())                                          \
    return std::move(FABULA_CONCAT(fabula_result_, __LINE__)).error();                        \
  target = *std::move(FABULA_CONCAT(fabula_result_, __LINE__))
