#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/describe_values.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  std::string ttl;
  bool detached = false;
};

absl::Status Create(Runtime& run, const Arguments& arguments) {
  SessionOptions options;
  options.name = arguments.name;
  options.detached = arguments.detached;
  if (!arguments.ttl.empty()) {
    const absl::StatusOr<absl::Duration> ttl = ParseSpan(arguments.ttl);
    if (!ttl.ok()) {
      return ttl.status();
    }
    options.ttl = *ttl;
  }
  const absl::StatusOr<Client*> client = run.client();
  if (!client.ok()) {
    return client.status();
  }
  absl::StatusOr<Session> session = (*client)->CreateSession(options);
  if (!session.ok()) {
    return session.status();
  }
  session->Release();
  const absl::StatusOr<v1::Session> made = session->Describe();
  if (!made.ok()) {
    return made.status();
  }
  if (!run.has_session()) {
    run.out().Note(
        absl::StrCat("to use it from here on: farpoll session use ",
                     made->name().empty() ? made->id() : made->name()));
  }
  return run.out().Object(ToJson(*made), {{}, {{made->id()}}});
}

absl::Status List(Runtime& run) {
  const absl::StatusOr<Client*> client = run.client();
  if (!client.ok()) {
    return client.status();
  }
  const absl::StatusOr<std::vector<v1::Session>> sessions =
      (*client)->ListSessions();
  if (!sessions.ok()) {
    return sessions.status();
  }
  return run.out().List("sessions", JsonOfEach(*sessions),
                        SessionTable(*sessions));
}

// The session that `arguments` name, else the one in use.
absl::StatusOr<Session> Named(Runtime& run, const Arguments& arguments) {
  if (arguments.name.empty()) {
    const absl::StatusOr<Session*> session = run.session();
    if (!session.ok()) {
      return session.status();
    }
    const absl::StatusOr<Client*> client = run.client();
    return (*client)->AttachSession((*session)->id());
  }
  const absl::StatusOr<Client*> client = run.client();
  if (!client.ok()) {
    return client.status();
  }
  return (*client)->AttachSession(arguments.name);
}

// `renew` and `show`: to ask for a session renews it.
absl::Status Show(Runtime& run, const Arguments& arguments) {
  absl::StatusOr<Session> session = Named(run, arguments);
  if (!session.ok()) {
    return session.status();
  }
  const absl::StatusOr<v1::Session> is = session->Describe();
  if (!is.ok()) {
    return is.status();
  }
  return run.out().Object(ToJson(*is), SessionTable({*is}));
}

absl::Status Close(Runtime& run, const Arguments& arguments) {
  absl::StatusOr<Session> session = Named(run, arguments);
  if (!session.ok()) {
    return session.status();
  }
  const absl::Status closed = session->Close();
  const Context* context =
      FindContext(run.contexts(), run.settings().context.value);
  const bool remembered =
      context != nullptr && context->session() == session->id() &&
      context->session_address() == run.settings().address.value;
  if (closed.ok() && remembered) {
    return run.RememberSession("");
  }
  return closed;
}

absl::Status Use(Runtime& run, const Arguments& arguments) {
  absl::StatusOr<Session> session = Named(run, arguments);
  if (!session.ok()) {
    return session.status();
  }
  const absl::Status there = session->Describe().status();
  if (!there.ok()) {
    return there;
  }
  const absl::Status remembered = run.RememberSession(arguments.name);
  if (!remembered.ok()) {
    return remembered;
  }
  run.out().Note(absl::StrCat("context ", run.contexts().current(),
                              " now uses session ", arguments.name));
  return absl::OkStatus();
}

// Adds a verb that takes a session, the one in use by default.
Command AddSessionVerb(Command command, const std::string& name,
                       const std::string& summary, Arguments& arguments) {
  Command verb = command.AddCommand(name, summary);
  verb.Add("SESSION", arguments.name,
           "by name or id; the one in use by default")
      .Type("SESSION");
  return verb;
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  Choice choice;

  Command create = command.AddCommand("create", "makes a session");
  create.Add("--name", arguments->name, "a name, usable for its id")
      .Type("NAME");
  create
      .Add("--ttl", arguments->ttl,
           "how long it lives without a call or a stream; the server's "
           "default is 60s")
      .Type("DUR");
  create.AddFlag("--detached", arguments->detached,
                 "it may be left alone for longer, a week by default");
  choice.Add(create,
             [arguments](Runtime& run) { return Create(run, *arguments); });

  choice.Add(command.AddCommand("list", "lists your sessions"), &List);

  choice.Add(AddSessionVerb(command, "renew", "renews the lease", *arguments),
             [arguments](Runtime& run) { return Show(run, *arguments); });
  choice.Add(AddSessionVerb(command, "show", "shows a session, and renews it",
                            *arguments),
             [arguments](Runtime& run) { return Show(run, *arguments); });
  choice.Add(AddSessionVerb(command, "close", "ends a session with all it owns",
                            *arguments),
             [arguments](Runtime& run) { return Close(run, *arguments); });

  Command use = command.AddCommand(
      "use", "makes a session the one in use, in the current context");
  use.Add("SESSION", arguments->name, "by name or id")
      .Type("SESSION")
      .Required();
  choice.Add(use, [arguments](Runtime& run) { return Use(run, *arguments); });
  return choice;
}

}  // namespace

Verb SessionVerb() {
  return {"session",
          groups::kSessions,
          "create, list, renew, close, use, show: who owns what",
          R"(  farpoll session create --name work --ttl 10m
  farpoll session use work
  export FARPOLL_SESSION=$(farpoll session create)   # for this shell alone
  farpoll session close work
)",
          "A session owns the handles and selectors made in it. It lives for "
          "its ttl after the\nlast call, and as long as a wait is open on it; "
          "then all it owns is closed.",
          &Declare};
}

}  // namespace farpoll::cli
