// tests/server/rpc/fill_test.cc: room: tests. What is filled into messages: by
// reflection, no field of any of them is left out, and each has its own value.
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/socket_address.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "server/rpc/convert.h"

namespace farpoll::server {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using testing::ElementsAre;
using testing::IsEmpty;

// The fields of `message`, and of the messages in it, that have no value.
std::vector<std::string> Unfilled(const Message& message,
                                  const std::string& before = "") {
  std::vector<std::string> unfilled;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* const field = message.GetDescriptor()->field(i);
    const std::string path = before + field->name();
    const bool filled = field->is_repeated()
                            ? reflection.FieldSize(message, field) != 0
                            : reflection.HasField(message, field);
    if (!filled) {
      unfilled.push_back(path);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               // Time is filled as a whole: it may have no seconds.
               field->message_type()->full_name() !=
                   "google.protobuf.Duration") {
      const Message& inner =
          field->is_repeated()
              ? reflection.GetRepeatedMessage(message, field, 0)
              : reflection.GetMessage(message, field);
      for (const std::string& each : Unfilled(inner, path + ".")) {
        unfilled.push_back(each);
      }
    }
  }
  return unfilled;
}

// Whether `message` is what `text` writes.
MATCHER_P(Reads, text, "") {
  const std::unique_ptr<Message> expected(arg.New());
  if (!google::protobuf::TextFormat::ParseFromString(text, expected.get())) {
    *result_listener << "the expected text does not parse";
    return false;
  }
  *result_listener << "which is " << arg.ShortDebugString();
  return arg.ShortDebugString() == expected->ShortDebugString();
}

const absl::Status kError = MakeError(EPIPE, "REASON", "subject", "message");
constexpr char kErrorText[] =
    "code: 9 message: 'message' info { errno_name: 'EPIPE' errno_number: 32 "
    "reason: 'REASON' subject: 'subject' }";

TEST(EveryFieldTest, OfAnError) {
  const v1::ItemError error = ToItemError(kError);

  EXPECT_THAT(Unfilled(error), IsEmpty());
  EXPECT_THAT(error, Reads(kErrorText));
}

TEST(EveryFieldTest, OfASession) {
  v1::Session session;
  Fill(SessionInfo{.id = "id",
                   .name = "name",
                   .ttl = absl::Seconds(1),
                   .remaining = absl::Seconds(2),
                   .age = absl::Nanoseconds(3),
                   .handles = 4,
                   .selectors = 5,
                   .streams = 6},
       &session);

  EXPECT_THAT(Unfilled(session), IsEmpty());
  EXPECT_THAT(session,
              Reads("id: 'id' name: 'name' ttl { seconds: 1 } remaining { "
                    "seconds: 2 } age { nanos: 3 } handles: 4 selectors: 5 "
                    "streams: 6"));
}

// A handle of every kind at once, which no maker makes.
TEST(EveryFieldTest, OfAHandle) {
  HandleInfo info{
      .id = 1,
      .name = "name",
      .kind = HandleKind::kPipeReader,
      .peer_id = 2,
      .ready = 3,
      .readable_bytes = 4,
      .bytes_read = 5,
      .bytes_written = 6,
      .registrations = 7,
      .age = absl::Seconds(8),
      .readiness = {.generation = 9, .selector_id = 10, .sequence = 11},
      .socket = SocketState{.phase = SocketState::Phase::kFailed,
                            .local = "local",
                            .peer = "peer",
                            .error = ECONNREFUSED},
      .timer =
          TimerState{.left = absl::Seconds(12), .every = absl::Seconds(13)},
      .path = "path",
      .process = ProcessInfo{}};
  info.process->process.pid = 14;
  info.process->process.program = "program";
  info.process->process.on_close = OnClose::kHangUp;
  info.process->exit =
      ExitStatus{.code = 15, .signal = 16, .core_dumped = true};
  v1::Handle handle;

  Fill(info, &handle);

  // An errno says it all: it has neither reason nor subject.
  EXPECT_THAT(Unfilled(handle),
              ElementsAre("socket.error.reason", "socket.error.subject"));
  EXPECT_THAT(
      handle,
      Reads("id: 1 name: 'name' kind: HANDLE_KIND_PIPE_READER peer_id: 2 "
            "ready: 3 readable_bytes: 4 bytes_read: 5 bytes_written: 6 "
            "registrations: 7 age { seconds: 8 } "
            "process { pid: 14 program: 'program' "
            "exit { code: 15 signal: 16 core_dumped: true } "
            "on_close: ON_CLOSE_HANG_UP } "
            "socket { phase: SOCKET_PHASE_FAILED local: 'local' peer: 'peer' "
            "error { errno_name: 'ECONNREFUSED' errno_number: 111 } } "
            "timer { left { seconds: 12 } every { seconds: 13 } } "
            "path: 'path' "
            "readiness { generation: 9 selector_id: 10 sequence: 11 }"));
}

TEST(EveryFieldTest, OfAPathEvent) {
  v1::PathEvent event;
  Fill(PathEvent{.bits = 1, .cookie = 2, .name = "name"}, &event);

  EXPECT_THAT(Unfilled(event), IsEmpty());
  EXPECT_THAT(event, Reads("events: 1 cookie: 2 name: 'name'"));
}

TEST(EveryFieldTest, OfASelector) {
  v1::Selector selector;
  Fill(SelectorInfo{.id = 1,
                    .name = "name",
                    .kind = SelectorKind::kKqueue,
                    .registrations = 2,
                    .waiting = true},
       &selector);

  EXPECT_THAT(Unfilled(selector), IsEmpty());
  EXPECT_THAT(selector, Reads("id: 1 name: 'name' kind: SELECTOR_KIND_KQUEUE "
                              "registrations: 2 waiting: true"));
}

TEST(EveryFieldTest, OfARegistration) {
  v1::Registration registration;
  Fill(RegistrationInfo{.registration = {.handle_id = 1,
                                         .asked = 2,
                                         .trigger = Trigger::kEdge,
                                         .cookie = 3,
                                         .generation = 4,
                                         .order = 5,
                                         .read_bytes = 6},
                        .handle_name = "name"},
       &registration);

  EXPECT_THAT(Unfilled(registration), IsEmpty());
  EXPECT_THAT(registration,
              Reads("handle_id: 1 handle_name: 'name' events: 2 "
                    "trigger: TRIGGER_EDGE cookie: 3 generation: 4 "
                    "read_bytes: 6"));
}

TEST(EveryFieldTest, OfAChangeThatWasMade) {
  v1::ChangeResult result;
  Fill(ChangeOutcome{1, 2}, &result);

  EXPECT_THAT(Unfilled(result), ElementsAre("error"));
  EXPECT_THAT(result, Reads("handle_id: 1 generation: 2"));
}

TEST(EveryFieldTest, OfAChangeThatFailed) {
  v1::ChangeResult result;
  Fill(ChangeOutcome{1, kError}, &result);

  EXPECT_THAT(Unfilled(result), ElementsAre("generation"));
  EXPECT_THAT(result,
              Reads(absl::StrCat("handle_id: 1 error { ", kErrorText, " }")));
}

// Events and their bytes. `named` is of one event with everything.
NamedResult OneEvent(std::shared_ptr<const EventBytes> bytes) {
  NamedResult named;
  named.result.events = {ReadyEvent{.handle_id = 1,
                                    .events = 2,
                                    .cookie = 3,
                                    .generation = 4,
                                    .order = 5,
                                    .readiness = 6,
                                    .bytes = std::move(bytes)}};
  named.result.sampled_at = MonotonicTime(std::chrono::nanoseconds(7));
  named.names = {"name"};
  named.exits = {{0, ExitStatus{.code = 8, .signal = 9, .core_dumped = true}}};
  return named;
}

TEST(EveryFieldTest, OfAnEvent) {
  const auto bytes = std::make_shared<EventBytes>();
  bytes->read.outcome = ReadResult::Outcome::kEndOfFile;
  bytes->read.data = "data";
  bytes->read.truncated = true;
  bytes->read.source = *SocketAddress::Parse("127.0.0.1:10", "source");
  bytes->urgent = "u";
  bytes->error = kError;
  v1::PollResponse response;

  FillEvents(OneEvent(bytes), &response);

  EXPECT_THAT(Unfilled(response), IsEmpty());
  EXPECT_THAT(response,
              Reads(absl::StrCat(
                  "events { handle_id: 1 events: 2 cookie: 3 generation: 4 "
                  "handle_name: 'name' "
                  "exit { code: 8 signal: 9 core_dumped: true } "
                  "readiness_generation: 6 "
                  "data { data: 'data' outcome: READ_OUTCOME_END_OF_FILE "
                  "truncated: true source: '127.0.0.1:10' urgent: 'u' error { ",
                  kErrorText, " } } } sampled_at_ns: 7")));
}

TEST(EveryFieldTest, OfAKevent) {
  NamedResult named;
  named.names = {"name"};
  named.result.kevents = {TakenKevent{.event = {.ident = 1,
                                                .filter = -2,
                                                .flags = 3,
                                                .fflags = 4,
                                                .data = 5,
                                                .udata = 6}}};
  v1::ControlResponse response;

  FillKevents(named, response.mutable_kevents());

  EXPECT_THAT(Unfilled(response), ElementsAre("sampled_at_ns"));
  EXPECT_THAT(response,
              Reads("kevents { ident: 1 filter: -2 flags: 3 fflags: 4 data: 5 "
                    "udata: 6 name: 'name' }"));
}

// ---- How large an event may be.

constexpr std::int64_t kMost64 = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMostNameLetters = 64;  // CheckName()

TEST(EventSizeTest, NoEventOfAPollIsLargerThanIsCountedFor) {
  NamedResult named;
  named.result.events = {
      ReadyEvent{.handle_id = kMost64,
                 .events = std::numeric_limits<Events>::max(),
                 .cookie = std::numeric_limits<std::uint64_t>::max(),
                 .generation = kMost64,
                 .readiness = kMost64}};
  named.exits = {
      {0, ExitStatus{.code = 255, .signal = 64, .core_dumped = true}}};
  v1::PollResponse response;
  FillEvents(named, &response);
  EXPECT_LE(response.ByteSizeLong(), kMostEventBytes);

  named.names = {std::string(kMostNameLetters, 'n')};
  v1::PollResponse with_names;
  FillEvents(named, &with_names);
  EXPECT_LE(with_names.ByteSizeLong(), kMostEventBytes + kMostNameBytes);
}

TEST(EventSizeTest, NoKeventIsLargerThanIsCountedFor) {
  NamedResult named;
  named.result.kevents = {TakenKevent{
      .event = {.ident = std::numeric_limits<std::uint64_t>::max(),
                .filter = std::numeric_limits<std::int16_t>::min(),
                .flags = 0xffff,
                .fflags = 0xffffffff,
                .data = std::numeric_limits<std::int64_t>::min(),
                .udata = std::numeric_limits<std::uint64_t>::max()}}};
  v1::ControlResponse response;
  FillKevents(named, response.mutable_kevents());
  EXPECT_LE(response.ByteSizeLong(), kMostEventBytes);

  named.names = {std::string(kMostNameLetters, 'n')};
  v1::ControlResponse with_names;
  FillKevents(named, with_names.mutable_kevents());
  EXPECT_LE(with_names.ByteSizeLong(), kMostEventBytes + kMostNameBytes);
}

}  // namespace
}  // namespace farpoll::server
