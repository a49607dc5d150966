#include "client/cli/runtime.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/spec.h"

namespace farpoll::cli {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(5);
// The session that verbs make by themselves, and how long a person may think
// between two commands.
constexpr char kDefaultSession[] = "default";
constexpr absl::Duration kDefaultSessionTtl = absl::Minutes(30);

}  // namespace

Runtime::Runtime(Settings settings, Contexts contexts,
                 std::string contexts_path, Output output, Interrupt& interrupt)
    : settings_(std::move(settings)),
      contexts_(std::move(contexts)),
      contexts_path_(std::move(contexts_path)),
      output_(std::move(output)),
      interrupt_(interrupt) {}

Runtime::~Runtime() { interrupt_.OnSignal(nullptr); }

absl::StatusOr<Client*> Runtime::client() {
  if (client_.has_value()) {
    return &*client_;
  }
  ClientOptions options;
  options.call_timeout = call_timeout();
  if (settings_.local) {
    absl::StatusOr<LocalServer> server = LocalServer::Start();
    if (!server.ok()) {
      return LocalError(server.status().message());
    }
    local_server_.emplace(*std::move(server));
    client_.emplace(local_server_->Connect(options));
  } else {
    absl::StatusOr<Client> client =
        Client::Connect(settings_.address.value, options);
    if (absl::IsPermissionDenied(client.status())) {
      return client.status();
    }
    if (!client.ok()) {
      return UsageError(absl::StrCat(client.status().message(), " (",
                                     settings_.address.origin, ")"));
    }
    client_.emplace(*std::move(client));
  }
  if (settings_.verbose) {
    output_.Note(absl::StrCat("server ", settings_.address.value, " (",
                              settings_.address.origin, ")"));
  }
  interrupt_.OnSignal([client = *client_]() mutable { client.Cancel(); });
  return &*client_;
}

absl::StatusOr<Session*> Runtime::session() {
  if (session_.has_value()) {
    return &*session_;
  }
  if (settings_.local) {
    return MakeDefaultSession();
  }
  if (!has_session()) {
    return LocalError("no session is in use",
                      "farpoll session create, farpoll session use NAME, or "
                      "--session NAME");
  }
  const absl::StatusOr<Client*> server = client();
  if (!server.ok()) {
    return server.status();
  }
  if (settings_.verbose) {
    output_.Note(absl::StrCat("session ", settings_.session.value, " (",
                              settings_.session.origin, ")"));
  }
  session_.emplace((*server)->AttachSession(settings_.session.value));
  return &*session_;
}

absl::StatusOr<Session*> Runtime::session_for_waiting() {
  timeout_is_of_wait_ = true;
  return session();
}

absl::StatusOr<Session*> Runtime::session_for_making() {
  if (settings_.local || !has_session()) {
    return session_.has_value() ? &*session_ : MakeDefaultSession();
  }
  absl::StatusOr<Session*> named = session();
  // A session that was said by name is meant; a remembered one may be gone.
  const bool remembered = settings_.session.origin != "--session" &&
                          settings_.session.origin != "FARPOLL_SESSION";
  if (!named.ok() || !remembered) {
    return named;
  }
  const absl::Status alive = (*named)->Describe().status();
  if (alive.code() != absl::StatusCode::kNotFound) {
    return alive.ok() ? named : alive;
  }
  output_.Note(absl::StrCat("session ", settings_.session.value, " is gone"));
  session_.reset();
  return MakeDefaultSession();
}

absl::StatusOr<Session*> Runtime::MakeDefaultSession() {
  const absl::StatusOr<Client*> server = client();
  if (!server.ok()) {
    return server.status();
  }
  SessionOptions options;
  options.name = kDefaultSession;
  options.ttl = kDefaultSessionTtl;
  absl::StatusOr<Session> made = (*server)->CreateSession(options);
  const bool there = made.status().code() == absl::StatusCode::kAlreadyExists;
  if (!made.ok() && !there) {
    return made.status();
  }
  session_.emplace(there ? (*server)->AttachSession(kDefaultSession)
                         : *std::move(made));
  if (settings_.local) {
    return &*session_;  // it goes with the embedded server
  }
  session_->Release();
  const absl::Status remembered = RememberSession(kDefaultSession);
  if (!remembered.ok()) {
    return remembered;
  }
  output_.Note(absl::StrCat(there ? "using" : "made", " session ",
                            kDefaultSession, ", remembered in context ",
                            contexts_.current()));
  return &*session_;
}

Timeout Runtime::timeout_or(Timeout fallback) const {
  if (settings_.timeout.value.empty()) {
    return fallback;
  }
  const absl::StatusOr<Timeout> timeout = ParseTimeout(settings_.timeout.value);
  return timeout.ok() ? *timeout : fallback;
}

absl::Duration Runtime::call_timeout() const {
  if (timeout_is_of_wait_) {
    return kCallTimeout;
  }
  const Timeout timeout = timeout_or(Timeout(kCallTimeout));
  // --timeout 0 makes a wait look once; a call still needs time for its way.
  return timeout.forever()                        ? absl::InfiniteDuration()
         : timeout.span() == absl::ZeroDuration() ? kCallTimeout
                                                  : timeout.span();
}

absl::Status Runtime::SaveContexts() const {
  return cli::SaveContexts(contexts_, contexts_path_);
}

absl::Status Runtime::RememberSession(const std::string& name) {
  const std::string& in_force = settings_.context.value;
  Context& context = ContextNamed(contexts_, !in_force.empty() ? in_force
                                             : !contexts_.current().empty()
                                                 ? contexts_.current()
                                                 : kFirstContext);
  context.set_session(name);
  context.set_session_address(name.empty() ? "" : settings_.address.value);
  return SaveContexts();
}

}  // namespace farpoll::cli
