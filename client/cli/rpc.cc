#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/unique_fd.h"
#include "client/cli/failure.h"
#include "client/cli/help_text.h"
#include "client/cli/line_source.h"
#include "client/cli/rpc_catalog.h"
#include "client/cli/rpc_field.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

struct Arguments {
  // Its unknown() are the --FIELD VALUE words.
  Command command;
  std::string service;
  std::string method;
  std::string json;
  bool help = false;
};

absl::Status ListServices(Runtime& run, const RpcCatalog& catalog) {
  Table table = {{"SERVICE", "WHAT"}, {}};
  std::vector<Json> items;
  for (const ServiceDescriptor* service : catalog.services()) {
    table.rows.push_back({service->name(), FirstSentence(CommentOf(service))});
    items.push_back(
        {{"service", service->full_name()}, {"comment", CommentOf(service)}});
  }
  return run.out().List("services", items, table);
}

absl::Status ListMethods(Runtime& run, const ServiceDescriptor& service) {
  Table table = {{"METHOD", "WHAT"}, {}};
  std::vector<Json> items;
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor& method = *service.method(i);
    table.rows.push_back({method.name(), FirstSentence(CommentOf(&method))});
    items.push_back(
        {{"method", method.name()}, {"comment", CommentOf(&method)}});
  }
  return run.out().List("methods", items, table);
}

bool Streams(const MethodDescriptor& method) {
  return method.client_streaming() || method.server_streaming();
}

// The page of one method: its comment and its flags.
std::string MethodHelp(const MethodDescriptor& method) {
  std::string text = absl::StrCat(
      "farpoll rpc ", method.service()->name(), " ", method.name(), "\n\n",
      CommentOf(&method), "\nusage: farpoll rpc ", method.service()->name(),
      " ", method.name(), " [--FIELD VALUE...] [--json FILE|-]\n");
  if (Streams(method)) {
    text +=
        "\nRequests are lines of JSON on standard input, after one made of "
        "flags;\nresponses are lines of JSON.\n";
  }
  text += "\nfields:\n";
  for (const FieldFlag& flag : FieldFlagsOf(*method.input_type())) {
    absl::StrAppend(&text, "  ", flag.flag, " ", flag.type, "\n        ",
                    flag.comment, "\n");
  }
  return text;
}

absl::Status UnknownName(absl::string_view what, absl::string_view name,
                         const std::vector<std::string>& names) {
  const std::string nearest = Nearest(name, names);
  return WithHint(
      UsageError(absl::StrCat("there is no ", what, " '", name, "'")),
      nearest.empty() ? absl::StrCat("there are ", absl::StrJoin(names, ", "))
                      : absl::StrCat("did you mean ", nearest, "?"));
}

// --timeout and --session are global flags. What they say belongs into a field
// of that name too.
absl::Status ApplyTimeout(const Runtime& run, Message& request) {
  const FieldDescriptor* field =
      request.GetDescriptor()->FindFieldByName("timeout");
  const Setting& timeout = run.settings().timeout;
  if (field == nullptr || !IsDuration(*field) ||
      timeout.origin != "--timeout" || timeout.value == "inf") {
    return absl::OkStatus();
  }
  return SetField("timeout", timeout.value, request);
}

// A call that waits may take as long as its wait.
absl::Duration LimitFor(const Runtime& run, const Message& request) {
  const bool waits =
      request.GetDescriptor()->FindFieldByName("timeout") != nullptr;
  return waits ? absl::InfiniteDuration() : run.call_timeout();
}

absl::Status Complete(Runtime& run, Message& request) {
  if (!LacksSession(request)) {
    return absl::OkStatus();
  }
  if (!run.settings().local && !run.has_session()) {
    return absl::OkStatus();  // the server will say what it lacks
  }
  const absl::StatusOr<Session*> session = run.session();
  if (session.ok()) {
    FillSession((*session)->id(), request);
  }
  return session.status();
}

absl::StatusOr<std::string> ReadAll(LineSource& source) {
  std::string text;
  for (;;) {
    const auto line = source.Next();
    if (!line.ok()) {
      return line.status();
    }
    if (!line->has_value()) {
      return text;
    }
    absl::StrAppend(&text, **line, "\n");
  }
}

// Opens --json FILE; standard input for "-" and for none.
absl::StatusOr<UniqueFd> OpenInput(const std::string& json) {
  const bool standard = json.empty() || json == "-";
  UniqueFd fd(standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                       : ::open(json.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return LocalError(absl::StrCat("cannot open ",
                                   standard ? "standard input" : json, ": ",
                                   strerror(errno)));
  }
  return fd;
}

// One call of one method.
class RpcCall {
 public:
  RpcCall(Runtime& run, RpcCatalog& catalog, const MethodDescriptor& method,
          const Arguments& arguments)
      : run_(run),
        catalog_(catalog),
        method_(method),
        arguments_(arguments),
        flags_(arguments.command.unknown()) {}

  absl::Status Unary(Client& client) {
    const auto request = catalog_.NewMessage(method_.input_type());
    if (!arguments_.json.empty()) {
      const absl::StatusOr<UniqueFd> input = OpenInput(arguments_.json);
      if (!input.ok()) {
        return input.status();
      }
      LineSource source(input->get());
      const absl::StatusOr<std::string> json = ReadAll(source);
      const absl::Status applied =
          json.ok() ? ApplyJson(*json, *request) : json.status();
      if (!applied.ok()) {
        return applied;
      }
    }
    const absl::Status flagged = ApplyAllFlags(*request);
    if (!flagged.ok()) {
      return flagged;
    }
    const absl::StatusOr<std::string> bytes = client.dynamic_caller().Unary(
        PathOf(method_), request->SerializeAsString(),
        LimitFor(run_, *request));
    return bytes.ok() ? Show(*bytes) : bytes.status();
  }

  absl::Status Stream(Client& client) {
    if (run_.out().format() == Format::kJson) {
      return UsageError("a stream has no single document: use -o jsonl");
    }
    const absl::StatusOr<UniqueFd> input = OpenInput(arguments_.json);
    if (!input.ok()) {
      return input.status();
    }
    LineSource source(input->get());
    bool flags_pending = !flags_.empty();
    return client.dynamic_caller().Stream(
        PathOf(method_), [&] { return NextRequest(source, flags_pending); },
        [&] { source.Stop(); },
        [&](absl::string_view bytes) { return Show(bytes); },
        absl::InfiniteDuration());
  }

 private:
  absl::Status ApplyAllFlags(Message& request) {
    absl::Status status = ApplyFlags(flags_, request);
    if (status.ok()) {
      status = ApplyTimeout(run_, request);
    }
    return status.ok() ? Complete(run_, request) : status;
  }

  // The request that flags make, then one for each line.
  absl::StatusOr<absl::optional<std::string>> NextRequest(LineSource& source,
                                                          bool& flags_pending) {
    const auto request = catalog_.NewMessage(method_.input_type());
    if (flags_pending) {
      flags_pending = false;
      const absl::Status status = ApplyAllFlags(*request);
      if (!status.ok()) {
        return status;
      }
      return absl::optional<std::string>(request->SerializeAsString());
    }
    const auto line = source.Next();
    if (!line.ok() || !line->has_value()) {
      return line;
    }
    absl::Status status = ApplyJson(**line, *request);
    if (status.ok()) {
      status = Complete(run_, *request);
    }
    if (!status.ok()) {
      return status;
    }
    return absl::optional<std::string>(request->SerializeAsString());
  }

  absl::Status Show(absl::string_view bytes) {
    const auto response = catalog_.NewMessage(method_.output_type());
    if (!response->ParseFromString(std::string(bytes))) {
      return absl::InternalError("the response cannot be parsed");
    }
    const Json json = ToJson(*response);
    const bool line =
        Streams(method_) || run_.out().format() == Format::kJsonLines;
    return run_.out().Raw(line ? ToLine(json) : json.dump(2) + "\n");
  }

  Runtime& run_;
  RpcCatalog& catalog_;
  const MethodDescriptor& method_;
  const Arguments& arguments_;
  const std::vector<std::string> flags_;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  RpcCatalog catalog;
  if (arguments.help && arguments.method.empty()) {
    return run.out().Raw(VerbHelp(RpcVerb(), arguments.command.app()));
  }
  if (arguments.service.empty()) {
    return ListServices(run, catalog);
  }
  const ServiceDescriptor* service = catalog.FindService(arguments.service);
  if (service == nullptr) {
    std::vector<std::string> names;
    for (const ServiceDescriptor* known : catalog.services()) {
      names.push_back(known->name());
    }
    return UnknownName("service", arguments.service, names);
  }
  if (arguments.method.empty()) {
    return ListMethods(run, *service);
  }
  const MethodDescriptor* method = service->FindMethodByName(arguments.method);
  if (method == nullptr) {
    std::vector<std::string> names;
    for (int i = 0; i < service->method_count(); ++i) {
      names.push_back(service->method(i)->name());
    }
    return UnknownName("method", arguments.method, names);
  }
  if (arguments.help) {
    return run.out().Raw(MethodHelp(*method));
  }
  const absl::StatusOr<Client*> client = run.client();
  if (!client.ok()) {
    return client.status();
  }
  RpcCall call(run, catalog, *method, arguments);
  return Streams(*method) ? call.Stream(**client) : call.Unary(**client);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>(Arguments{command});
  command.AllowUnknown();
  command.RemoveHelpFlag();
  command.AddFlag("-h,--help", arguments->help,
                  "of a method: its comment and its fields");
  command.Add("SERVICE", arguments->service, "which service; none: list all")
      .Type("SERVICE");
  command
      .Add("METHOD", arguments->method, "which of its methods; none: list them")
      .Type("METHOD");
  command
      .Add("--json", arguments->json,
           "the request, or lines of requests, as JSON; - is standard "
           "input")
      .Type("FILE|-");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb RpcVerb() {
  return {
      "rpc",
      groups::kTool,
      "calls any method of the server, as its proto describes it",
      R"(  farpoll rpc                                   # services
  farpoll rpc HandleService                     # its methods
  farpoll rpc HandleService Read --help         # its fields
  farpoll rpc HandleService Read --handle.name in --max_bytes 64
  farpoll rpc SelectorService Register --selector.name sel \
      --items.handle.name in --items.events 1 --items.handle.name out --items.events 4
  echo '{"open":{"selector":{"name":"sel"},"credits":1}}' | farpoll rpc SelectorService Wait
)",
      "Fields are flags, spelled as in the proto; --session fills itself in. "
      "Enums go by\ntheir short name, durations as 250ms; a message as JSON. A "
      "repeated flag adds an item.\nA streaming method reads requests as lines "
      "of JSON and prints responses as lines.",
      &Declare};
}

}  // namespace farpoll::cli
