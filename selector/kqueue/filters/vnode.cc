// EVFILT_VNODE: what happens to a file or a directory, by inotify(7).
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/filters/filters.h"

namespace farpoll {
namespace {

constexpr std::uint32_t kEntryChanges =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

struct VnodeState final : FilterState {
  FileIdentity file;
  bool directory = false;
  // As last seen: what inotify calls a change is compared with them.
  nlink_t links = 0;
  off_t size = 0;
};

VnodeState& StateOf(const Knote& knote) {
  return static_cast<VnodeState&>(*knote.state);
}

std::uint32_t MaskFor(std::uint32_t notes, bool directory) {
  std::uint32_t mask = IN_DELETE_SELF;
  const auto want = [&](std::uint32_t asked, std::uint32_t bits) {
    mask |= (notes & asked) != 0 ? bits : 0;
  };
  want(note::kWrite | note::kExtend | note::kLink,
       directory ? kEntryChanges : 0);
  want(note::kWrite | note::kExtend, IN_MODIFY);
  want(note::kAttrib | note::kLink | note::kDelete, IN_ATTRIB);
  want(note::kRename, IN_MOVE_SELF);
  want(note::kOpen, IN_OPEN);
  want(note::kClose, IN_CLOSE_NOWRITE);
  want(note::kCloseWrite, IN_CLOSE_WRITE);
  want(note::kRead, IN_ACCESS);
  return mask;
}

// A change of the inode: of the number of links, or of anything else.
std::uint32_t AttributeNotes(VnodeState& state, nlink_t links) {
  const nlink_t before = state.links;
  state.links = links;
  return links == before  ? note::kAttrib
         : links > before ? note::kLink
                          : note::kDelete;
}

// What may have happened while the kernel had no room to tell: whatever can be
// looked at again. Only a changed number of links says that one came or went.
std::uint32_t NotesAfterLoss(VnodeState& state, nlink_t links) {
  return note::kWrite | note::kAttrib | AttributeNotes(state, links);
}

// A change of a directory's entries; that of a subdirectory is one of its
// links.
std::uint32_t EntryNotes(std::uint32_t mask) {
  const bool subdirectory = (mask & IN_ISDIR) != 0;
  return note::kWrite | (subdirectory ? note::kLink : 0);
}

class Vnode final : public Filter {
 public:
  bool IdentIsDescriptor() const override { return true; }

  int Attach(Knote& knote, FilterHost& host) const override {
    struct stat status = {};
    if (fstat(knote.fd(), &status) != 0) {
      return EBADF;
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
      return EINVAL;
    }
    auto state = std::make_unique<VnodeState>();
    state->file = {status.st_dev, status.st_ino};
    state->directory = S_ISDIR(status.st_mode);
    state->links = status.st_nlink;
    state->size = status.st_size;
    knote.state = std::move(state);
    return host.WatchFile(
        knote, MaskFor(knote.asked_fflags, StateOf(knote).directory));
  }

  void Detach(Knote& knote, FilterHost& host) const override {
    if (knote.state != nullptr) {
      host.UnwatchFile(knote);
    }
  }

  int Touch(Knote& knote, const Kevent& change,
            FilterHost& host) const override {
    Filter::Touch(knote, change, host);
    return host.WatchFile(
        knote, MaskFor(knote.asked_fflags, StateOf(knote).directory));
  }

  int Verify(const Knote& knote) const override {
    return CompareIdentity(knote.fd(), StateOf(knote).file);
  }

  void FileChanged(Knote& knote, std::uint32_t mask,
                   FilterHost& host) const override {
    VnodeState& state = StateOf(knote);
    struct stat status = {};
    if (fstat(knote.fd(), &status) != 0 ||
        FileIdentity{status.st_dev, status.st_ino} != state.file) {
      return;  // closed since, or another file's number
    }
    std::uint32_t notes = 0;
    if ((mask & IN_Q_OVERFLOW) != 0) {
      notes |= NotesAfterLoss(state, status.st_nlink);
    } else if ((mask & kEntryChanges) != 0) {
      notes |= EntryNotes(mask);
    } else {
      notes |=
          (mask & IN_ATTRIB) != 0 ? AttributeNotes(state, status.st_nlink) : 0;
      notes |= (mask & IN_MODIFY) != 0 ? note::kWrite : 0;
      notes |= (mask & IN_DELETE_SELF) != 0 ? note::kDelete : 0;
      notes |= (mask & IN_MOVE_SELF) != 0 ? note::kRename : 0;
      notes |= (mask & IN_OPEN) != 0 ? note::kOpen : 0;
      notes |= (mask & IN_CLOSE_NOWRITE) != 0 ? note::kClose : 0;
      notes |= (mask & IN_CLOSE_WRITE) != 0 ? note::kCloseWrite : 0;
      notes |= (mask & IN_ACCESS) != 0 ? note::kRead : 0;
      notes |= (mask & IN_UNMOUNT) != 0 ? note::kRevoke : 0;
    }
    if (status.st_size > state.size &&
        (mask & (IN_MODIFY | IN_Q_OVERFLOW)) != 0) {
      notes |= note::kExtend;
    }
    state.size = status.st_size;
    knote.event.fflags |= notes & knote.asked_fflags;
    if (knote.event.fflags != 0) {
      host.Activate(knote);
    }
  }

  bool Sample(Knote& knote, Events /*seen*/,
              FilterHost& /*host*/) const override {
    return knote.event.fflags != 0 && Verify(knote) == 0;
  }
};

}  // namespace

const Filter& VnodeFilter() {
  static const Vnode filter;
  return filter;
}

}  // namespace farpoll
