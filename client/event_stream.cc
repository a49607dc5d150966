#include "client/event_stream.h"

#include <utility>

#include "client/connection.h"

namespace farpoll::client {

// The gRPC side of a stream.
class EventStream::Wire {
 public:
  explicit Wire(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)),
        call_(*connection_, absl::InfiniteDuration()),
        stream_(connection_->selectors().Wait(&call_.context())) {}

  ~Wire() {
    if (!over_) {
      call_.context().TryCancel();
      (void)stream_->Finish();
    }
  }

  absl::Status Open(const v1::WaitOpen& open) {
    v1::WaitRequest request;
    *request.mutable_open() = open;
    if (!stream_->Write(request)) {
      Finish();
    }
    return status_;
  }

  const WaitResult* Next() {
    if (over_ || (has_result_ && !Grant())) {
      return nullptr;
    }
    v1::WaitResponse response;
    do {
      if (!stream_->Read(&response)) {
        Finish();
        return nullptr;
      }
    } while (response.sequence() == 0);  // answers to changes: none asked here
    result_.position = {response.epoch(), response.sequence()};
    result_.sampled_at_ns = response.sampled_at_ns();
    result_.events.clear();
    for (const v1::Event& event : response.events()) {
      result_.events.push_back(EventFromProto(event));
    }
    result_.kevents.clear();
    for (const v1::Kevent& kevent : response.kevents()) {
      result_.kevents.push_back(KeventFromProto(kevent));
    }
    has_result_ = true;
    return &result_;
  }

  void Cancel() { call_.context().TryCancel(); }
  const absl::Status& status() const { return status_; }
  WaitPosition position() const { return result_.position; }

 private:
  // Acknowledges the last result and asks for one more.
  bool Grant() {
    v1::WaitRequest request;
    request.mutable_grant()->set_acknowledge(result_.position.sequence);
    request.mutable_grant()->set_credits(1);
    if (!stream_->Write(request)) {
      Finish();
      return false;
    }
    return true;
  }

  void Finish() {
    over_ = true;
    status_ = FromGrpc(stream_->Finish());
  }

  const std::shared_ptr<Connection> connection_;
  Connection::Call call_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::WaitRequest, v1::WaitResponse>>
      stream_;
  WaitResult result_;
  bool has_result_ = false;
  bool over_ = false;
  absl::Status status_;
};

ExitStatus ExitFromProto(const v1::ExitStatus& exit) {
  return ExitStatus{exit.code(), exit.signal(), exit.core_dumped()};
}

Event EventFromProto(const v1::Event& event) {
  Event seen{event.handle_id(),
             event.handle_name(),
             static_cast<Events>(event.events()),
             event.cookie(),
             event.generation(),
             event.readiness_generation()};
  if (event.has_exit()) {
    seen.exit = ExitFromProto(event.exit());
  }
  return seen;
}

NamedKevent KeventFromProto(const v1::Kevent& kevent) {
  NamedKevent named;
  named.kevent.ident = kevent.ident();
  named.kevent.filter = static_cast<std::int16_t>(kevent.filter());
  named.kevent.flags = static_cast<std::uint16_t>(kevent.flags());
  named.kevent.fflags = kevent.fflags();
  named.kevent.data = kevent.data();
  named.kevent.udata = kevent.udata();
  named.handle_name = kevent.name();
  return named;
}

absl::StatusOr<EventStream> EventStream::Open(
    std::shared_ptr<Connection> connection, const v1::WaitOpen& open) {
  auto wire = std::make_unique<Wire>(std::move(connection));
  const absl::Status status = wire->Open(open);
  if (!status.ok()) {
    return status;
  }
  return EventStream(std::move(wire));
}

EventStream::EventStream(std::unique_ptr<Wire> wire) : wire_(std::move(wire)) {}
EventStream::EventStream(EventStream&&) noexcept = default;
EventStream& EventStream::operator=(EventStream&&) noexcept = default;
EventStream::~EventStream() = default;

const WaitResult* EventStream::Next() { return wire_->Next(); }
void EventStream::Cancel() { wire_->Cancel(); }
const absl::Status& EventStream::status() const { return wire_->status(); }
WaitPosition EventStream::position() const { return wire_->position(); }

void EventStream::Iterator::Settle() {
  if (result_ != nullptr && index_ < result_->events.size()) {
    return;
  }
  index_ = 0;
  result_ = stream_->Next();
  if (result_ != nullptr && result_->events.empty()) {
    result_ = nullptr;  // the timeout passed
  }
}

}  // namespace farpoll::client
