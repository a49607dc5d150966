// server/policy/policy.h: room: server/policy. Who may do what: answers from
// values alone, so that every rule is tested without a server. Verbs come
// first: an object (a program, an address, a path) is only looked at when the
// verb is granted.
// Threads: immutable.
// Source: docs/security.md, docs/configuration.md.
#ifndef FARPOLL_SERVER_POLICY_POLICY_H_
#define FARPOLL_SERVER_POLICY_POLICY_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/policy/ip_range.h"
#include "server/policy/limits.h"
#include "server/policy/policy_spec.h"
#include "server/policy/principal.h"
#include "server/policy/verb.h"

namespace farpoll::server {

// What a client asks a child to be. Either `template_name` with the arguments
// behind the program in `argv`, or free: argv[0] is the program.
struct SpawnRequest {
  std::string template_name;
  std::vector<std::string> argv;
  // Variables as the client gave them, and those it named for inheritance with
  // the server's values.
  std::map<std::string, std::string> environment;
  std::string working_directory;  // empty: not said
  std::vector<ResourceLimit> limits;
  // What the server itself has now. A resource that neither the template nor
  // this lists cannot be asked for.
  std::vector<ResourceLimit> own_limits;
};

// What the child is to be.
struct SpawnPlan {
  // Absolute, or what free argv said: without a slash it is looked for in
  // kSpawnPath, never in the PATH of client or server.
  std::string program;
  std::vector<std::string> argv;         // argv[0] included
  std::vector<std::string> environment;  // "NAME=value", complete
  std::string working_directory;         // empty: the server's own
  std::vector<ResourceLimit> limits;
  absl::optional<uid_t> uid;  // to change to; only of a server run as root
  absl::optional<gid_t> gid;
  std::string rule;  // what allowed it, for the audit
};

inline constexpr char kSpawnPath[] = "/usr/local/bin:/usr/bin:/bin";

// A path split where the granted part ends: `relative` is to be opened beneath
// `root` (openat2(2), RESOLVE_BENEATH), so that no link leads out of it. With
// root "/" the whole tree is granted and links may lead anywhere.
struct PathPlan {
  std::string root;
  std::string relative;  // "." for the root itself
  std::string rule;
};

enum class FileAccess { kRead, kWrite, kReadWrite };

// Errors of everything below: PERMISSION_DENIED (EACCES), with reason
// POLICY_VERB when the principal has no such verb, else POLICY_TEMPLATE,
// POLICY_ARGUMENT, POLICY_ENVIRONMENT, POLICY_LIMIT, POLICY_ADDRESS or
// POLICY_PATH for what about the object is refused, which is the subject.
class Policy {
 public:
  // `spec` is taken as checked (see config.h).
  explicit Policy(PolicySpec spec);

  // Without a file: `own_uid` is the server's.
  static Policy Default(Mode mode, uid_t own_uid);

  Mode mode() const { return spec_.mode; }
  const PolicySpec& spec() const { return spec_; }

  // Whether `principal` has `verb`; the name of the rule that says so.
  absl::StatusOr<std::string> CheckVerb(const Principal& principal,
                                        Verb verb) const;

  // What the child is to be. Of a resource a client may ask for less than the
  // template gives, or, where the template says nothing of it, for no more than
  // the server's own hard limit: a server that runs as root could raise it.
  //   Errors: besides, INVALID_ARGUMENT (EINVAL) for no argv, a NUL in a
  //     string, or a variable name with '='; NOT_FOUND (TEMPLATE_UNKNOWN) for a
  //     template that is not there or not granted.
  absl::StatusOr<SpawnPlan> PlanSpawn(const Principal& principal,
                                      const SpawnRequest& request) const;

  // Whether an internet address may be connected to or listened on (bound). To
  // be asked for every address, after resolution and before use; the answer is
  // the rule's name.
  absl::StatusOr<std::string> CheckConnect(const Principal& principal,
                                           const IpAddress& address,
                                           std::uint16_t port) const;
  absl::StatusOr<std::string> CheckListen(const Principal& principal,
                                          const IpAddress& address,
                                          std::uint16_t port) const;

  // The same for a Unix socket: an absolute path, or '@' and an abstract name,
  // for which `root` is empty and `relative` the name without '@'.
  //   Errors: besides, INVALID_ARGUMENT for a path that is not plain
  //     (plain_path.h).
  absl::StatusOr<PathPlan> CheckUnixSocket(const Principal& principal,
                                           Verb connect_or_listen,
                                           absl::string_view path) const;

  // Whether a file may be opened so, or (kRead) watched.
  //   Errors: besides, INVALID_ARGUMENT as CheckUnixSocket.
  absl::StatusOr<PathPlan> CheckOpen(const Principal& principal,
                                     absl::string_view path,
                                     FileAccess access) const;

  // `limits` lowered to the principal's quotas.
  Limits LimitsOf(const Principal& principal, const Limits& limits) const;

 private:
  // The grants for `principal` that have `verb`; those with `everything` have
  // no object to be refused.
  struct Granted {
    std::vector<const Grant*> grants;
    bool everything = false;
    std::string rule;  // the first to allow the verb; empty: none
  };
  Granted Find(const Principal& principal, Verb verb) const;
  absl::StatusOr<Granted> Require(const Principal& principal, Verb verb) const;
  absl::StatusOr<std::string> CheckAddress(
      const Principal& principal, Verb verb,
      std::vector<NetworkRule> Grant::*rules, const IpAddress& address,
      std::uint16_t port) const;
  absl::StatusOr<SpawnPlan> PlanTemplate(const Granted& granted,
                                         const SpawnRequest& request) const;

  const PolicySpec spec_;
};

// Variables that no child is given by a client: LD_*, LISTEN_*, NOTIFY_SOCKET
// and FARPOLL_*. A request that names one is refused.
bool IsReservedVariable(absl::string_view name);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_POLICY_H_
