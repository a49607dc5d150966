// selector/key_table.h: room: selector. A selector's registrations by number.
// Threads: none of its own; the selector's mutex guards it.
#ifndef FARPOLL_SELECTOR_KEY_TABLE_H_
#define FARPOLL_SELECTOR_KEY_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "selector/base_selector.h"
#include "selector/interest_set.h"

namespace farpoll {

// A table in pages. Registered numbers are open, so they are small and dense,
// and RLIMIT_NOFILE bounds them: looking one up is two steps, without hashing.
class KeyTable {
 public:
  struct Entry {
    SelectorKey key{FileObject(-1), -1, 0, 0};
    RegistrationToken token = 0;
    // Tells this registration from earlier ones of its number; 0: none.
    std::uint64_t serial = 0;
  };

  // The entry in use of `fd`; null when it has none.
  Entry* Find(int fd) {
    return const_cast<Entry*>(std::as_const(*this).Find(fd));
  }
  const Entry* Find(int fd) const {
    const std::size_t page = static_cast<std::size_t>(fd) / kPageSize;
    if (fd < 0 || page >= pages_.size() || pages_[page] == nullptr) {
      return nullptr;
    }
    const Entry& entry =
        (*pages_[page])[static_cast<std::size_t>(fd) % kPageSize];
    return entry.serial != 0 ? &entry : nullptr;
  }
  // The entry whose key was made from the same object; null when none was.
  const Entry* FindObject(const FileObject& f) const;
  // The number of `f`: its own, or that of the key which was made from it when
  // it has been closed since.
  //   Errors: INVALID_ARGUMENT (EINVAL) when it has neither.
  absl::StatusOr<int> NumberOf(const FileObject& f) const;

  // Puts an entry at its key's number, which must be free.
  void Insert(const Entry& entry);
  void Erase(int fd);
  void Clear();

  std::size_t size() const { return size_; }
  std::vector<SelectorKey> Keys() const;

 private:
  static constexpr std::size_t kPageSize = 64;
  using Page = std::array<Entry, kPageSize>;

  std::vector<std::unique_ptr<Page>> pages_;
  std::size_t size_ = 0;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KEY_TABLE_H_
