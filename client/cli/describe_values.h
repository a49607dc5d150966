// client/cli/describe_values.h: room: cli. Handles, selectors, sessions and
// events as tables and JSON show them.
// Threads: pure.
#ifndef FARPOLL_CLIENT_CLI_DESCRIBE_VALUES_H_
#define FARPOLL_CLIENT_CLI_DESCRIBE_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/output.h"
#include "client/event_stream.h"
#include "farpoll/v1/handle.pb.h"
#include "farpoll/v1/selector.pb.h"
#include "farpoll/v1/server.pb.h"
#include "farpoll/v1/session.pb.h"

namespace farpoll::cli {

// "pipe-reader" for HANDLE_KIND_PIPE_READER.
std::string ShortName(absl::string_view enum_value, absl::string_view prefix);
std::string KindName(v1::HandleKind kind);
std::string KindName(v1::SelectorKind kind);
std::string TriggerName(v1::Trigger trigger);

// The name or, when that is empty, the id.
std::string NameOrId(absl::string_view name, std::int64_t id);

Table HandleTable(const std::vector<v1::Handle>& handles);
Table SelectorTable(const std::vector<v1::Selector>& selectors);
Table SessionTable(const std::vector<v1::Session>& sessions);
Table RegistrationTable(const std::vector<v1::Registration>& registrations);

// Protobuf's JSON of each, with bit masks as words.
Json HandleJson(const v1::Handle& handle);
Json RegistrationJson(const v1::Registration& registration);
template <typename Message>
std::vector<Json> JsonOfEach(const std::vector<Message>& messages) {
  std::vector<Json> items;
  for (const Message& message : messages) {
    items.push_back(ToJson(message));
  }
  return items;
}

// "exit 3", "killed by SIGTERM", with a core dump said.
std::string ExitText(const ExitStatus& exit);
// {"code"}, or {"signal","name"} of a process that was killed.
Json ExitJson(const ExitStatus& exit);
// Letters of an event, or of a handle as it is; "X" of a process that has
// ended.
std::string ReadyLetters(const client::Event& event);
std::string ReadyLetters(const v1::Handle& handle);

// Turns the server's monotonic clock into wall time.
class EventClock {
 public:
  explicit EventClock(const v1::GetServerResponse& server);
  absl::Time At(std::int64_t monotonic_ns) const;

 private:
  absl::Time wall_;
  std::int64_t monotonic_ns_;
};

// "09:15:02.118", in local time.
std::string TimeOfDay(absl::Time time);
// "2026-01-31T09:15:02.118Z", for programs.
std::string TimeStamp(absl::Time time);
// {"handle","handleId","ready","cookie","generation"}
Json EventJson(const client::Event& event);
// The same after {"epoch","seq"}, and with "at".
Json EventJson(const client::Event& event, const WaitPosition& position,
               absl::Time at);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_DESCRIBE_VALUES_H_
