#include "server/rpc/rules.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/strip.h"

namespace farpoll::server {
namespace {

struct Rule {
  absl::string_view method;  // behind the package's name
  Verb verb;
};

// A session in itself reaches nothing, and closing gives back what one has:
// both go with looking at one's own things.
constexpr Rule kRules[] = {
    {"SessionService/CreateSession", Verb::kInspect},
    {"SessionService/GetSession", Verb::kInspect},
    {"SessionService/ListSessions", Verb::kInspect},
    {"SessionService/KeepAlive", Verb::kInspect},
    {"SessionService/DeleteSession", Verb::kInspect},
    {"HandleService/CreatePipe", Verb::kCreatePipe},
    {"HandleService/CreateSocketPair", Verb::kCreatePipe},
    {"HandleService/Spawn", Verb::kSpawn},
    {"HandleService/Signal", Verb::kSignal},
    {"HandleService/ResizePty", Verb::kSignal},
    {"HandleService/Read", Verb::kRead},
    {"HandleService/Write", Verb::kWrite},
    {"HandleService/Shutdown", Verb::kWrite},
    // It reads as well, and asks for that verb too.
    {"HandleService/Transfer", Verb::kWrite},
    {"HandleService/Listen", Verb::kListen},
    {"HandleService/Accept", Verb::kListen},
    {"HandleService/Connect", Verb::kConnect},
    {"HandleService/CreateDatagramSocket", Verb::kConnect},
    {"HandleService/CreateTimer", Verb::kCreateTimer},
    {"HandleService/CreateCounter", Verb::kCreateTimer},
    {"HandleService/OpenFile", Verb::kOpen},
    {"HandleService/WatchPath", Verb::kOpen},
    {"HandleService/GetHandle", Verb::kInspect},
    {"HandleService/ListHandles", Verb::kInspect},
    {"HandleService/Close", Verb::kInspect},
    {"SelectorService/CreateSelector", Verb::kWait},
    {"SelectorService/GetSelector", Verb::kInspect},
    {"SelectorService/ListSelectors", Verb::kInspect},
    {"SelectorService/CloseSelector", Verb::kInspect},
    {"SelectorService/Register", Verb::kWait},
    {"SelectorService/Modify", Verb::kWait},
    {"SelectorService/Unregister", Verb::kWait},
    {"SelectorService/ListRegistrations", Verb::kInspect},
    {"SelectorService/GetRegistration", Verb::kInspect},
    {"SelectorService/Poll", Verb::kWait},
    {"SelectorService/Control", Verb::kWait},
    {"SelectorService/Select", Verb::kWait},
    {"SelectorService/Wait", Verb::kWait},
    // Sees what GetHandle and ListHandles show, of the caller's own session.
    {"ObserverService/Observe", Verb::kInspect},
    {"ServerService/GetServer", Verb::kInspect},
};

}  // namespace

absl::optional<Verb> VerbOf(absl::string_view method) {
  if (method ==
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo") {
    return Verb::kInspect;
  }
  if (!absl::ConsumePrefix(&method, "/farpoll.v1.")) {
    return absl::nullopt;
  }
  const auto* const rule =
      std::find_if(std::begin(kRules), std::end(kRules),
                   [method](const Rule& r) { return r.method == method; });
  if (rule == std::end(kRules)) {
    return absl::nullopt;
  }
  return rule->verb;
}

}  // namespace farpoll::server
