#include "tests/integration/server_model.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace farpoll {
namespace {

void Append(SessionModel::Id id, int bits, std::string* text) {
  absl::StrAppend(text, text->empty() ? "" : " ", id, ":", bits);
}

}  // namespace

void SessionModel::AddPipe(Id reader, Id writer) {
  const auto channel = std::make_shared<Channel>();
  handles_[reader] = {.kind = Kind::kReader, .in = channel, .out = nullptr};
  handles_[writer] = {.kind = Kind::kWriter, .in = nullptr, .out = channel};
}

void SessionModel::AddSocketPair(Id first, Id second) {
  const auto there = std::make_shared<Channel>();
  const auto back = std::make_shared<Channel>();
  handles_[first] = {.kind = Kind::kSocket, .in = back, .out = there};
  handles_[second] = {.kind = Kind::kSocket, .in = there, .out = back};
}

std::string SessionModel::Write(Id handle, absl::string_view data) {
  const auto it = handles_.find(handle);
  if (it == handles_.end()) {
    return "ENOENT";
  }
  if (it->second.kind == Kind::kCounter) {
    return "EINVAL";  // it takes a count
  }
  if (it->second.out == nullptr) {
    return "EBADF";
  }
  if (!it->second.out->has_reader) {
    return "EPIPE";
  }
  absl::StrAppend(&it->second.out->bytes, data);
  return "";
}

std::string SessionModel::Add(Id counter, std::uint64_t count) {
  const auto it = handles_.find(counter);
  if (it == handles_.end()) {
    return "ENOENT";
  }
  if (it->second.kind != Kind::kCounter) {
    return it->second.out == nullptr ? "EBADF" : "EINVAL";
  }
  it->second.count += count;
  return "";
}

std::string SessionModel::Read(Id handle, std::size_t most) {
  const auto it = handles_.find(handle);
  if (it == handles_.end()) {
    return "ENOENT";
  }
  Handle& of = it->second;
  if (of.kind == Kind::kCounter) {
    const std::uint64_t count = std::exchange(of.count, 0);
    return count == 0 ? "would block" : absl::StrCat("count ", count);
  }
  if (of.in == nullptr) {
    return "EBADF";
  }
  if (of.in->bytes.empty()) {
    return of.in->has_writer ? "would block" : "end of file";
  }
  const std::string taken = of.in->bytes.substr(0, most);
  of.in->bytes.erase(0, taken.size());
  return absl::StrCat("data ", taken);
}

std::string SessionModel::Close(Id handle) {
  const auto it = handles_.find(handle);
  if (it == handles_.end()) {
    return "ENOENT";
  }
  if (it->second.in != nullptr) {
    it->second.in->has_reader = false;
  }
  if (it->second.out != nullptr) {
    it->second.out->has_writer = false;
  }
  handles_.erase(it);
  for (auto& [id, selector] : selectors_) {
    if (const auto interest = selector.interests.extract(handle)) {
      selector.closed[handle] = interest.mapped();
    }
  }
  return "";
}

std::string SessionModel::CloseSelector(Id selector) {
  return selectors_.erase(selector) == 1 ? "" : "ENOENT";
}

std::string SessionModel::Register(Id selector, Id handle, Interest interest) {
  const auto it = selectors_.find(selector);
  if (it == selectors_.end() || handles_.count(handle) == 0) {
    return "ENOENT";
  }
  // Again: it replaces.
  it->second.interests[handle] = interest;
  return "";
}

std::string SessionModel::Modify(Id selector, Id handle, Interest interest) {
  const auto it = selectors_.find(selector);
  if (it == selectors_.end() || it->second.interests.count(handle) == 0) {
    return "ENOENT";
  }
  it->second.interests[handle] = interest;
  return "";
}

std::string SessionModel::Unregister(Id selector, Id handle) {
  const auto it = selectors_.find(selector);
  if (it == selectors_.end()) {
    return "ENOENT";
  }
  return it->second.interests.erase(handle) == 1 ? "" : "ENOENT";
}

std::string SessionModel::BeginWait(Id selector) {
  Selector& of = selectors_.at(selector);
  for (const auto& [id, interest] : of.kept) {
    if (handles_.count(id) == 1) {
      of.interests.emplace(id, interest);
    }
  }
  of.closed.insert(of.kept_closed.begin(), of.kept_closed.end());
  of.kept.clear();
  of.kept_closed.clear();
  return Ready(of);
}

void SessionModel::BreakOff(Id selector) {
  const Selector before = selectors_.at(selector);
  Take(selector);
  Selector& of = selectors_.at(selector);
  of.kept_closed = before.closed;
  for (const auto& item : before.interests) {
    if (of.interests.count(item.first) == 0) {
      of.kept.insert(item);
    }
  }
}

std::string SessionModel::Ready(const Selector& of) const {
  std::map<Id, Events> ready;
  for (const auto& [id, interest] : of.closed) {
    ready[id] = kInvalid;
  }
  for (const auto& [id, interest] : of.interests) {
    const Events events = static_cast<Events>(
        StateOf(handles_.at(id)) & (interest.events | kError | kHangup));
    if (events != 0) {
      ready[id] = events;
    }
  }
  std::string text;
  for (const auto& [id, events] : ready) {
    Append(id, events, &text);
  }
  return text;
}

void SessionModel::Take(Id selector) {
  Selector& of = selectors_.at(selector);
  of.closed.clear();
  std::erase_if(of.interests, [this](const auto& item) {
    const auto& [id, interest] = item;
    return interest.once && (StateOf(handles_.at(id)) &
                             (interest.events | kError | kHangup)) != 0;
  });
}

std::string SessionModel::Registrations(Id selector) const {
  std::string text;
  for (const auto& [id, interest] : selectors_.at(selector).interests) {
    Append(id, interest.events, &text);
  }
  return text;
}

Events SessionModel::StateOf(const Handle& handle) {
  switch (handle.kind) {
    case Kind::kReader:
      return static_cast<Events>((handle.in->bytes.empty() ? 0 : kIn) |
                                 (handle.in->has_writer ? 0 : kHangup));
    case Kind::kWriter:
      return static_cast<Events>(kOut | (handle.out->has_reader ? 0 : kError));
    case Kind::kSocket:
      if (!handle.in->has_writer) {
        return kIn | kOut | kHangup | kReadHangup;
      }
      return static_cast<Events>(kOut | (handle.in->bytes.empty() ? 0 : kIn));
    case Kind::kCounter:
      return static_cast<Events>(kOut | (handle.count == 0 ? 0 : kIn));
  }
  return 0;
}

}  // namespace farpoll
