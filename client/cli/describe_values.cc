#include "client/cli/describe_values.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/cli/signals.h"
#include "client/cli/spec.h"
#include "client/convert.h"

namespace farpoll::cli {
namespace {

std::string Dash(absl::string_view text) {
  return text.empty() ? "-" : std::string(text);
}

Json WordsJson(std::int32_t events) {
  return Json(Words(static_cast<Events>(events)));
}

}  // namespace

std::string ShortName(absl::string_view enum_value, absl::string_view prefix) {
  absl::ConsumePrefix(&enum_value, prefix);
  return absl::StrReplaceAll(absl::AsciiStrToLower(enum_value), {{"_", "-"}});
}

std::string KindName(v1::HandleKind kind) {
  return ShortName(v1::HandleKind_Name(kind), "HANDLE_KIND_");
}

std::string KindName(v1::SelectorKind kind) {
  return ShortName(v1::SelectorKind_Name(kind), "SELECTOR_KIND_");
}

std::string TriggerName(v1::Trigger trigger) {
  return ShortName(v1::Trigger_Name(trigger), "TRIGGER_");
}

std::string NameOrId(absl::string_view name, std::int64_t id) {
  return name.empty() ? absl::StrCat(id) : std::string(name);
}

Table HandleTable(const std::vector<v1::Handle>& handles) {
  Table table = {{"NAME", "ID", "KIND", "READY", "BYTES", "PEER", "AGE"}, {}};
  for (const v1::Handle& handle : handles) {
    table.rows.push_back(
        {Dash(handle.name()), absl::StrCat(handle.id()),
         KindName(handle.kind()), ReadyLetters(handle),
         absl::StrCat(handle.readable_bytes()),
         handle.peer_id() == 0 ? "-" : absl::StrCat(handle.peer_id()),
         FormatSpan(client::FromProto(handle.age()))});
  }
  return table;
}

Table SelectorTable(const std::vector<v1::Selector>& selectors) {
  Table table = {{"NAME", "ID", "KIND", "REGISTRATIONS", "WAITING"}, {}};
  for (const v1::Selector& selector : selectors) {
    table.rows.push_back({Dash(selector.name()), absl::StrCat(selector.id()),
                          KindName(selector.kind()),
                          absl::StrCat(selector.registrations()),
                          selector.waiting() ? "yes" : "no"});
  }
  return table;
}

Table SessionTable(const std::vector<v1::Session>& sessions) {
  Table table = {
      {"NAME", "ID", "TTL", "LEFT", "HANDLES", "SELECTORS", "STREAMS", "AGE"},
      {}};
  for (const v1::Session& session : sessions) {
    table.rows.push_back({Dash(session.name()), session.id(),
                          FormatSpan(client::FromProto(session.ttl())),
                          FormatSpan(client::FromProto(session.remaining())),
                          absl::StrCat(session.handles()),
                          absl::StrCat(session.selectors()),
                          absl::StrCat(session.streams()),
                          FormatSpan(client::FromProto(session.age()))});
  }
  return table;
}

Table RegistrationTable(const std::vector<v1::Registration>& registrations) {
  Table table = {{"HANDLE", "EVENTS", "TRIGGER", "COOKIE"}, {}};
  for (const v1::Registration& registration : registrations) {
    table.rows.push_back(
        {NameOrId(registration.handle_name(), registration.handle_id()),
         EventsToString(static_cast<Events>(registration.events())),
         TriggerName(registration.trigger()),
         absl::StrCat(registration.cookie())});
  }
  return table;
}

Json HandleJson(const v1::Handle& handle) {
  Json json = ToJson(handle);
  json["ready"] = WordsJson(handle.ready());
  if (!handle.has_process()) {
    return json;
  }
  if (handle.process().has_exit()) {
    const ExitStatus exit = client::ExitFromProto(handle.process().exit());
    json["ready"] = Json::array({"EXIT"});
    json["exit"] = ExitJson(exit);
  }
  return json;
}

Json RegistrationJson(const v1::Registration& registration) {
  Json json = ToJson(registration);
  json["events"] = WordsJson(registration.events());
  return json;
}

std::string ExitText(const ExitStatus& exit) {
  if (exit.signal == 0) {
    return absl::StrCat("exit ", exit.code);
  }
  return absl::StrCat("killed by ", SignalName(exit.signal),
                      exit.core_dumped ? ", core dumped" : "");
}

Json ExitJson(const ExitStatus& exit) {
  Json json;
  if (exit.signal == 0) {
    json["code"] = exit.code;
    return json;
  }
  json["signal"] = exit.signal;
  json["name"] = SignalName(exit.signal);
  json["coreDumped"] = exit.core_dumped;
  return json;
}

std::string ReadyLetters(const client::Event& event) {
  return event.exit.has_value() ? "X" : Letters(event.events);
}

std::string ReadyLetters(const v1::Handle& handle) {
  return handle.process().has_exit()
             ? "X"
             : Letters(static_cast<Events>(handle.ready()));
}

EventClock::EventClock(const v1::GetServerResponse& server)
    : wall_(absl::FromUnixSeconds(server.wall_now().seconds()) +
            absl::Nanoseconds(server.wall_now().nanos())),
      monotonic_ns_(server.monotonic_now_ns()) {}

absl::Time EventClock::At(std::int64_t monotonic_ns) const {
  return wall_ + absl::Nanoseconds(monotonic_ns - monotonic_ns_);
}

std::string TimeOfDay(absl::Time time) {
  return absl::FormatTime("%H:%M:%E3S", time, absl::LocalTimeZone());
}

std::string TimeStamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

Json EventJson(const client::Event& event) {
  Json json;
  json["handle"] = NameOrId(event.handle_name, event.handle_id);
  json["handleId"] = absl::StrCat(event.handle_id);
  if (event.exit.has_value()) {
    json["ready"] = Json::array({"EXIT"});
    json["exit"] = ExitJson(*event.exit);
  } else {
    json["ready"] = Words(event.events);
  }
  json["cookie"] = absl::StrCat(event.cookie);
  json["generation"] = absl::StrCat(event.generation);
  return json;
}

Json EventJson(const client::Event& event, const WaitPosition& position,
               absl::Time at) {
  Json json;
  json["epoch"] = absl::StrCat(position.epoch);
  json["seq"] = absl::StrCat(position.sequence);
  json.update(EventJson(event));
  json["at"] = TimeStamp(at);
  return json;
}

}  // namespace farpoll::cli
