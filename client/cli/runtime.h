// client/cli/runtime.h: room: cli. What every verb works with: the settings,
// the server, the session, the output and the interrupt.
// Threads: one.
#ifndef FARPOLL_CLIENT_CLI_RUNTIME_H_
#define FARPOLL_CLIENT_CLI_RUNTIME_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/timeout.h"
#include "client/cli/contexts.h"
#include "client/cli/interrupt.h"
#include "client/cli/output.h"
#include "client/cli/settings.h"
#include "client/client.h"
#include "client/local_server.h"

namespace farpoll::cli {

class Runtime {
 public:
  // Borrows `interrupt`.
  Runtime(Settings settings, Contexts contexts, std::string contexts_path,
          Output output, Interrupt& interrupt);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  const Settings& settings() const { return settings_; }
  Output& out() { return output_; }
  Interrupt& interrupt() { return interrupt_; }

  // The server: made at the first call of this, as --local and --addr say.
  absl::StatusOr<Client*> client();

  // The session in use.
  //   Errors: LocalError when there is none.
  absl::StatusOr<Session*> session();
  // The same, for a verb whose --timeout is how long it waits: the calls around
  // the wait then take their default.
  absl::StatusOr<Session*> session_for_waiting();
  // The same as session(); when there is none, or the remembered one is gone,
  // makes the one called "default", remembers it and says so.
  absl::StatusOr<Session*> session_for_making();
  // Whether a session is in use, without asking the server.
  bool has_session() const { return !settings_.session.value.empty(); }

  // --timeout, or `fallback` when it was left out.
  Timeout timeout_or(Timeout fallback) const;
  // How long a call may take: --timeout unless that is a wait's, or 5 s.
  absl::Duration call_timeout() const;

  Contexts& contexts() { return contexts_; }
  absl::Status SaveContexts() const;
  // Writes the session, and the server it is on, into the current context; an
  // empty name forgets it.
  absl::Status RememberSession(const std::string& name);

 private:
  absl::StatusOr<Session*> MakeDefaultSession();

  const Settings settings_;
  Contexts contexts_;
  const std::string contexts_path_;
  Output output_;
  Interrupt& interrupt_;
  bool timeout_is_of_wait_ = false;
  // In order of dependence.
  absl::optional<LocalServer> local_server_;
  absl::optional<Client> client_;
  absl::optional<Session> session_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_RUNTIME_H_
