#include "selector/key_table.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll {

const KeyTable::Entry* KeyTable::FindObject(const FileObject& f) const {
  for (const std::unique_ptr<Page>& page : pages_) {
    if (page == nullptr) {
      continue;
    }
    for (const Entry& entry : *page) {
      if (entry.serial != 0 && entry.key.fileobj().SameObject(f)) {
        return &entry;
      }
    }
  }
  return nullptr;
}

absl::StatusOr<int> KeyTable::NumberOf(const FileObject& f) const {
  if (f.number() >= 0) {
    return f.number();
  }
  const Entry* const entry = FindObject(f);
  if (entry == nullptr) {
    return MakeError(EINVAL, "", "fileobj",
                     absl::StrCat("no descriptor: ", f.number()));
  }
  return entry->key.fd();
}

void KeyTable::Insert(const Entry& entry) {
  const auto fd = static_cast<std::size_t>(entry.key.fd());
  if (fd / kPageSize >= pages_.size()) {
    pages_.resize(fd / kPageSize + 1);
  }
  std::unique_ptr<Page>& page = pages_[fd / kPageSize];
  if (page == nullptr) {
    page = std::make_unique<Page>();
  }
  (*page)[fd % kPageSize] = entry;
  ++size_;
}

void KeyTable::Erase(int fd) {
  Entry* const entry = Find(fd);
  if (entry != nullptr) {
    *entry = Entry();
    --size_;
  }
}

void KeyTable::Clear() { *this = KeyTable(); }

std::vector<SelectorKey> KeyTable::Keys() const {
  std::vector<SelectorKey> keys;
  keys.reserve(size_);
  for (const std::unique_ptr<Page>& page : pages_) {
    if (page == nullptr) {
      continue;
    }
    for (const Entry& entry : *page) {
      if (entry.serial != 0) {
        keys.push_back(entry.key);
      }
    }
  }
  return keys;
}

}  // namespace farpoll
