// tests/fuzz/kqueue_fuzz.cc: room: tests. Change lists made of any bytes: no
// input may crash the queue, make it lie about how much it wrote, or leak.
//
// An input is a row of records of 16 bytes; see Record. The descriptors that
// identifiers name are made afresh for each input.
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/unique_fd.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

// What the fuzzer writes, as it lies in memory.
struct Record {
  std::uint8_t action;  // one in four does something else than changing
  std::uint8_t ident;   // an index of idents, or the number itself
  std::int8_t filter;
  std::uint8_t fflags_high;
  std::uint16_t flags;
  std::uint16_t fflags_low;
  std::int64_t data;
};
static_assert(sizeof(Record) == 16);

class World {
 public:
  void Do(const Record& record) {
    switch (record.action % 8) {
      case 0:
        Flush(record.ident % room_.size());
        break;
      case 1:
        Stir(record);
        break;
      default:
        changes_.push_back(ChangeOf(record));
    }
  }

  void Flush(std::size_t room) {
    const absl::Span<Kevent> events = absl::MakeSpan(room_).first(room);
    const auto count = queue_->Control(changes_, events, Timeout::Zero());
    changes_.clear();
    if (count.ok() && *count > room) {
      abort();
    }
  }

 private:
  Kevent ChangeOf(const Record& record) {
    const std::array<int, 8> idents = {
        pipe_.reader(), pipe_.writer(), pair_.first.get(), pair_.second.get(),
        counter_.get(), file_.get(),    *queue_->fd(),     *inner_->fd(),
    };
    Kevent change = {
        .ident = record.ident,
        .filter = record.filter,
        .flags = record.flags,
        .fflags = std::uint32_t{record.fflags_high} << 24 | record.fflags_low,
        .data = record.data};
    if (change.filter == evfilt::kSignal) {
      // Others would end up blocked for the fuzzer itself.
      change.ident = record.ident % 2 == 0 ? SIGUSR1 : 1000;
    } else if (record.ident < idents.size()) {
      change.ident = static_cast<std::uint64_t>(idents[record.ident]);
    } else if (record.ident == 0xff) {
      change.ident = static_cast<std::uint64_t>(record.data);
    }
    return change;
  }

  // Traffic, and descriptors closed behind the queue's back.
  void Stir(const Record& record) {
    switch (record.ident % 6) {
      case 0:
        Write(pipe_.writer(), "some bytes");
        break;
      case 1:
        Drain(pipe_.reader());
        break;
      case 2:
        Write(pair_.first.get(), "x");
        break;
      case 3:
        pipe_ = Pipe();
        break;
      case 4:
        pair_.second.Reset();
        pair_ = UnixPair(SOCK_STREAM);
        break;
      default:
        Write(file_.get(), "growth");
    }
  }

  Pipe pipe_;
  FdPair pair_ = UnixPair(SOCK_STREAM);
  UniqueFd counter_{eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};
  UniqueFd file_ = TemporaryFile("content");
  const std::unique_ptr<Kqueue> inner_ = *Kqueue::Create();
  const std::unique_ptr<Kqueue> queue_ = *Kqueue::Create();
  std::vector<Kevent> changes_;
  std::array<Kevent, 16> room_;
};

}  // namespace
}  // namespace farpoll

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes,
                                      std::size_t size) {
  signal(SIGPIPE, SIG_IGN);
  farpoll::World world;
  for (std::size_t at = 0; at + sizeof(farpoll::Record) <= size;
       at += sizeof(farpoll::Record)) {
    farpoll::Record record;
    std::memcpy(&record, bytes + at, sizeof(record));
    world.Do(record);
  }
  world.Flush(16);
  return 0;
}
