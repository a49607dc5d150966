// tests/integration/server_model.h: room: tests. What a session of a server
// must be after some calls, as plain values: the answer to every call of
// model_test, worked out without a server.
//
// It knows pipes, pairs of stream sockets and counters, and selectors of kind
// POLL with level-triggered and one-shot registrations. Source:
// docs/semantics.md; poll(2), pipe(7), unix(7), eventfd(2).
#ifndef FARPOLL_TESTS_INTEGRATION_SERVER_MODEL_H_
#define FARPOLL_TESTS_INTEGRATION_SERVER_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "selector/events.h"

namespace farpoll {

class SessionModel {
 public:
  // Bytes that one direction holds at most; farther than that nothing is tried,
  // so that a writer always has room.
  static constexpr std::size_t kMostBytes = 4000;

  using Id = std::int64_t;
  enum class Kind { kReader, kWriter, kSocket, kCounter };

  // One direction of bytes.
  struct Channel {
    std::string bytes;
    bool has_reader = true;
    bool has_writer = true;
  };
  struct Handle {
    Kind kind = Kind::kReader;
    std::shared_ptr<Channel> in;   // of what is read
    std::shared_ptr<Channel> out;  // of what is written
    std::uint64_t count = 0;
  };
  struct Interest {
    Events events = 0;
    bool once = false;
  };
  struct Selector {
    std::map<Id, Interest> interests;
    // Registrations of handles that are closed: each is told of once.
    std::map<Id, Interest> closed;
    // Of a result that nobody acknowledged: what it ended. It comes back with
    // the next wait.
    std::map<Id, Interest> kept;
    std::map<Id, Interest> kept_closed;
  };

  void AddPipe(Id reader, Id writer);
  void AddSocketPair(Id first, Id second);
  void AddCounter(Id counter) { handles_[counter].kind = Kind::kCounter; }
  void AddSelector(Id selector) { selectors_[selector]; }

  // Each is what the server must answer: "" for success, or the error's errno.
  std::string Write(Id handle, absl::string_view data);
  std::string Add(Id counter, std::uint64_t count);
  // "data BYTES", "count N", "would block", "end of file" or the errno.
  std::string Read(Id handle, std::size_t most);
  std::string Close(Id handle);
  std::string CloseSelector(Id selector);
  std::string Register(Id selector, Id handle, Interest interest);
  std::string Modify(Id selector, Id handle, Interest interest);
  std::string Unregister(Id selector, Id handle);

  // A wait begins; what it reports, as "ID:BITS ID:BITS" by id.
  std::string BeginWait(Id selector);
  // What it reported is over: one-shots and closed handles are gone.
  void Take(Id selector);
  // The same, but it was not acknowledged.
  void BreakOff(Id selector);

  const std::map<Id, Handle>& handles() const { return handles_; }
  const std::map<Id, Selector>& selectors() const { return selectors_; }
  // "ID:BITS ID:BITS" of what the selector asks for, closed handles left out.
  std::string Registrations(Id selector) const;

 private:
  std::string Ready(const Selector& selector) const;
  // As poll(2) would report it, asked or not.
  static Events StateOf(const Handle& handle);

  std::map<Id, Handle> handles_;
  std::map<Id, Selector> selectors_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_INTEGRATION_SERVER_MODEL_H_
