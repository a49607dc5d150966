// selector/file_object.h: room: selector. Whatever has a descriptor, as
// select() and BaseSelector take it: Python's "file object". Threads: a plain
// value. Source: Python's selectors._fileobj_to_fd; docs/semantics.md
// section 4.
#ifndef FARPOLL_SELECTOR_FILE_OBJECT_H_
#define FARPOLL_SELECTOR_FILE_OBJECT_H_

#include <concepts>
#include <memory>
#include <type_traits>

#include "absl/status/statusor.h"

namespace farpoll {

// Types with an `int fileno() const`, an `int get() const` (UniqueFd) or an
// `fd() const` that gives an int or a StatusOr<int> (Waitable).
template <typename T>
concept HasFileno = requires(const T& object) {
  { object.fileno() } -> std::same_as<int>;
};
template <typename T>
concept HasGetFd = requires(const T& object) {
  { object.get() } -> std::same_as<int>;
};
template <typename T>
concept HasFd = requires(const T& object) {
  { object.fd() } -> std::convertible_to<absl::StatusOr<int>>;
};
template <typename T>
concept HasDescriptor = HasFileno<T> || HasGetFd<T> || HasFd<T>;

// A descriptor number, and the object it was asked of. Two of them are the same
// object when made from one address, or both from one number alone.
class FileObject {
 public:
  // A bare number; may be negative, which no selector accepts.
  FileObject(int number)  // NOLINT(google-explicit-constructor)
      : number_(number) {}

  // Borrows `object`, and asks it for its number now. The address is all that
  // is kept, and is never followed.
  template <HasDescriptor T>
  FileObject(const T& object)  // NOLINT(google-explicit-constructor)
      : identity_(std::addressof(object)), number_(NumberOf(object)) {}

  template <HasDescriptor T>
  FileObject(const T* object)  // NOLINT(google-explicit-constructor)
      : FileObject(*object) {}

  // The number at the time this value was made; negative when it had none.
  int number() const { return number_; }
  // The object's address; null for a bare number.
  const void* identity() const { return identity_; }

  bool SameObject(const FileObject& other) const {
    return identity_ == other.identity_ &&
           (identity_ != nullptr || number_ == other.number_);
  }
  friend bool operator==(const FileObject&, const FileObject&) = default;

 private:
  template <typename T>
  static int NumberOf(const T& object) {
    if constexpr (HasFileno<T>) {
      return object.fileno();
    } else if constexpr (HasGetFd<T>) {
      return object.get();
    } else {
      const absl::StatusOr<int> number = object.fd();
      return number.ok() ? *number : -1;
    }
  }

  const void* identity_ = nullptr;
  int number_ = -1;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_FILE_OBJECT_H_
