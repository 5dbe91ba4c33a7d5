// Result<T>: the value of an operation, or the Error that stopped it.
//
// Three kinds of trouble have three channels. Bad data in a checkpoint is a Finding and the run
// goes on; an operation that could not be done returns an Error; a bug in this program panics.
//
// The interface is the part of C++23's std::expected that the library uses, under the same names.
// A Result must be looked at: it is [[nodiscard]], and value() on an error is a bug.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace shardwright {

// What a caller can do about an error.
enum class ErrorCode {
  kIo,               // the operating system refused
  kNotFound,         // there is no such thing
  kMalformed,        // the bytes are not what they should be
  kUnsupported,      // valid, but nothing that this version handles
  kInvalidArgument,  // the caller asked for something that makes no sense
  kInterrupted,      // the caller asked to stop
};

struct Error {
  ErrorCode code{};
  std::string message{};  // one sentence, lower case, no full stop; names the file or the key

  // This error with "what: " before its message.
  [[nodiscard]] Error within(std::string_view what) && {
    message.insert(0, ": ").insert(0, what);
    return std::move(*this);
  }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // NOLINTBEGIN(google-explicit-constructor): `return value;` and `return Error{...};` are the
  // point.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  [[nodiscard]] T& value() & { return *checked(std::get_if<0>(&state_)); }
  [[nodiscard]] const T& value() const& { return *checked(std::get_if<0>(&state_)); }
  [[nodiscard]] T&& value() && { return std::move(*checked(std::get_if<0>(&state_))); }
  [[nodiscard]] const Error& error() const& { return *checked(std::get_if<1>(&state_)); }
  [[nodiscard]] Error&& error() && { return std::move(*checked(std::get_if<1>(&state_))); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  template <typename P>
  static P* checked(P* pointer) {
    if (pointer == nullptr) std::abort();
    return pointer;
  }

  std::variant<T, Error> state_;
};

using Status = Result<std::monostate>;
inline Status ok() {
  return std::monostate{};
}

}  // namespace shardwright
