// An echo service all of whose sockets live in a farpoll server: it listens,
// accepts, reads and writes there, and waits for all of them by one stream.
//   remote_echo [ADDRESS [WHERE]]   default: $FARPOLL_ADDR, 127.0.0.1:0
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "client/client.h"
#include "examples/cpp/until_signal.h"

namespace {

// Comes with each event of a connection: what was sent, without a Read call.
constexpr std::int32_t kReadBytes = 16 << 10;
constexpr std::uint64_t kListener = 0;

class Echo {
 public:
  Echo(farpoll::Handle listener, farpoll::Selector selector)
      : listener_(std::move(listener)), selector_(std::move(selector)) {}

  absl::Status Run(farpoll::EventStream& events) {
    absl::Status status = selector_
                              .Register(listener_, farpoll::kIn,
                                        farpoll::Trigger::kLevel, kListener)
                              .status();
    if (!status.ok()) {
      return status;
    }
    for (const farpoll::client::Event& event : events) {
      if (event.cookie == kListener) {
        status = AcceptAll();
        if (!status.ok()) {
          return status;
        }
      } else if (const auto it = connections_.find(event.cookie);
                 it != connections_.end()) {
        // What goes wrong with one connection ends that one.
        if (!Serve(it->first, it->second, event)) {
          connections_.erase(it);
        }
      }
    }
    return events.status();
  }

 private:
  struct Connection {
    farpoll::Handle socket;
    std::string pending;    // to be sent back
    bool is_stuck = false;  // nothing more is read until that is gone
    bool has_ended = false;
  };

  absl::Status AcceptAll() {
    for (;;) {
      absl::StatusOr<absl::optional<farpoll::Handle>> socket =
          listener_.Accept();
      if (!socket.ok() || !socket->has_value()) {
        return socket.status();
      }
      const std::uint64_t id = ++last_id_;
      Connection connection{**std::move(socket)};
      if (Listen(id, connection)) {
        connections_.emplace(id, std::move(connection));
      }
    }
  }

  // Has what comes on the connection brought along.
  bool Listen(std::uint64_t id, Connection& connection) {
    const auto ask = std::exchange(connection.is_stuck, false)
                         ? &farpoll::Selector::Modify
                         : &farpoll::Selector::Register;
    return (selector_.*ask)(connection.socket, farpoll::kIn,
                            farpoll::Trigger::kLevel, id, kReadBytes)
        .ok();
  }

  // Waits for room alone: a peer that does not read is not read from.
  bool AwaitRoom(std::uint64_t id, Connection& connection) {
    return std::exchange(connection.is_stuck, true) ||
           selector_
               .Modify(connection.socket, farpoll::kOut,
                       farpoll::Trigger::kLevel, id)
               .ok();
  }

  // False when the connection is over.
  bool Serve(std::uint64_t id, Connection& connection,
             const farpoll::client::Event& event) {
    if (event.data.has_value()) {
      connection.pending += event.data->data;
      connection.has_ended |=
          event.data->end_of_file || !event.data->error.ok();
    } else if (!connection.is_stuck) {
      return false;  // hung up or failed, and nothing to read
    }
    while (!connection.pending.empty()) {
      const auto sent = connection.socket.Write(connection.pending);
      if (!sent.ok()) {
        return false;
      }
      connection.pending.erase(0, sent->bytes_written);
      if (sent->would_block) {
        return AwaitRoom(id, connection);
      }
    }
    if (connection.has_ended) {
      return false;
    }
    return !connection.is_stuck || Listen(id, connection);
  }

  farpoll::Handle listener_;
  farpoll::Selector selector_;
  std::map<std::uint64_t, Connection> connections_;
  std::uint64_t last_id_ = kListener;
};

absl::Status Run(UntilSignal& until, const std::string& address,
                 const std::string& where) {
  absl::StatusOr<farpoll::Client> client = farpoll::Client::Connect(address);
  if (!client.ok()) {
    return client.status();
  }
  absl::StatusOr<farpoll::Session> session = client->CreateSession();
  if (!session.ok()) {
    return session.status();
  }
  farpoll::v1::ListenRequest request;
  request.set_address(where);
  absl::StatusOr<farpoll::Handle> listener = session->Listen(request);
  if (!listener.ok()) {
    return listener.status();
  }
  const absl::StatusOr<farpoll::v1::Handle> described = listener->Describe();
  if (!described.ok()) {
    return described.status();
  }
  absl::StatusOr<farpoll::Selector> selector =
      session->CreateSelector(farpoll::v1::SELECTOR_KIND_POLL);
  if (!selector.ok()) {
    return selector.status();
  }
  absl::StatusOr<farpoll::EventStream> events = selector->WaitFor();
  if (!events.ok()) {
    return events.status();
  }
  until.Call([&events] { events->Cancel(); });
  std::printf("listening on %s\n", described->socket().local().c_str());
  std::fflush(stdout);
  return Echo(*std::move(listener), *std::move(selector)).Run(*events);
}

}  // namespace

int main(int argc, char** argv) {
  UntilSignal until;
  const char* const address = argc > 1 ? argv[1] : std::getenv("FARPOLL_ADDR");
  if (address == nullptr) {
    std::fprintf(stderr, "usage: remote_echo ADDRESS [WHERE]\n");
    return 2;
  }
  const absl::Status status =
      Run(until, address, argc > 2 ? argv[2] : "127.0.0.1:0");
  if (!absl::IsCancelled(status)) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
