// server/policy/policy_spec.h: room: server/policy. What a policy is made of:
// the values of proto/farpoll/config/v1, read and checked.
// Threads: plain values.
// Source: docs/configuration.md.
#ifndef FARPOLL_SERVER_POLICY_POLICY_SPEC_H_
#define FARPOLL_SERVER_POLICY_POLICY_SPEC_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "server/policy/ip_range.h"
#include "server/policy/limits.h"
#include "server/policy/principal.h"
#include "server/policy/verb.h"

namespace farpoll::server {

enum class Mode {
  kPrivate,  // its own user may do everything, others nothing
  kSystem,   // everybody may do what makes nothing outside the server
};

// setrlimit(2) of a child: `resource` is RLIMIT_*.
struct ResourceLimit {
  int resource = 0;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;

  friend bool operator==(const ResourceLimit&, const ResourceLimit&) = default;
};

struct SpawnTemplate {
  std::string name;
  std::string program;                 // absolute
  std::vector<std::string> arguments;  // fnmatch(3) patterns, by position
  bool extra_arguments = false;
  std::string extra_pattern = "*";                 // of each of them
  std::vector<std::string> allowed_environment;    // fnmatch(3) of names
  std::map<std::string, std::string> environment;  // fixed values
  std::string working_directory = "/";
  std::vector<ResourceLimit> limits;
  absl::optional<uid_t> uid;
  absl::optional<gid_t> gid;
};

// Addresses and ports; no ports means all.
struct NetworkRule {
  IpRange range;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ports;
};

// Unix sockets in or below a folder, or abstract names with a prefix.
struct UnixRule {
  std::string directory;
  std::string abstract_prefix;
};

struct FileRoot {
  std::string path;  // plain (plain_path.h)
  bool write = false;
};

// Whom a grant speaks to; one member is set.
struct Grantee {
  absl::optional<uid_t> uid;
  absl::optional<gid_t> gid;
  bool anonymous_tcp = false;
  bool anyone = false;

  bool Matches(const Principal& principal) const;
};

struct Grant {
  std::string name;  // for audit and errors
  std::vector<Grantee> to;
  VerbSet verbs;
  bool free_argv = false;
  std::vector<std::string> templates;
  std::vector<NetworkRule> connect;
  std::vector<NetworkRule> listen;
  std::vector<UnixRule> unix_sockets;
  std::vector<FileRoot> roots;
  // Of LimitFields(); the least of all grants and of the server's own holds.
  std::vector<std::pair<std::int64_t Limits::*, std::int64_t>> quotas;
};

// A session that exists from the start and holds inherited descriptors.
struct InheritedSession {
  std::string name;
  uid_t owner = 0;
};

struct PolicySpec {
  Mode mode = Mode::kPrivate;
  uid_t own_uid = 0;
  bool no_basics = false;
  std::vector<SpawnTemplate> templates;
  std::vector<Grant> grants;
  absl::optional<InheritedSession> inherited;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_POLICY_SPEC_H_
