// server/authority/authority.h: room: server/authority. The policy in force and
// the record of what it decided: the one place that the rest of the server asks
// before it acts.
// Threads: any. A new policy holds for every question asked after Replace().
#ifndef FARPOLL_SERVER_AUTHORITY_AUTHORITY_H_
#define FARPOLL_SERVER_AUTHORITY_AUTHORITY_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "server/policy/policy.h"

namespace farpoll::server {

// Bytes of an object that are recorded; of a longer one its length is.
inline constexpr std::size_t kMostObjectBytes = 512;

// One decision. Every refusal makes one, and every spawn, connect, listen,
// open, pass and fetch.
struct AuditRecord {
  Principal principal;
  Verb verb = Verb::kInspect;
  // Program, address, path, method, handle: what the caller said, cut at
  // kMostObjectBytes.
  std::string object;
  bool allowed = false;
  std::string rule;       // what allowed it, or the reason of the refusal
  std::string argv_hash;  // of a spawn: FNV-1a of the arguments, hexadecimal
};

// Must not block: it is called with the locks of whoever asked.
using AuditSink = std::function<void(const AuditRecord&)>;

// Errors of every question are those of Policy.
class Authority {
 public:
  // `sink` may be empty.
  Authority(std::shared_ptr<const Policy> policy, AuditSink sink);

  std::shared_ptr<const Policy> policy() const;
  void Replace(std::shared_ptr<const Policy> policy);

  // Where the server itself listens, as "unix:PATH" or "HOST:PORT". Only its
  // own user may connect there: through its own socket anybody would come as
  // that user.
  void SetOwnAddresses(const std::vector<std::string>& addresses);

  // Whether `principal` may do what `verb` says, to `object` (a method, for the
  // record). Only refusals are recorded.
  absl::Status Authorize(const Principal& principal, Verb verb,
                         absl::string_view object) const;

  // Whether `principal` may hand over descriptors, or be handed some: it needs
  // every one of `verbs`, of which the first is recorded when all are there.
  absl::Status AuthorizePassing(const Principal& principal,
                                const std::vector<Verb>& verbs,
                                absl::string_view object) const;

  absl::StatusOr<SpawnPlan> AuthorizeSpawn(const Principal& principal,
                                           const SpawnRequest& request) const;
  absl::Status AuthorizeConnect(const Principal& principal,
                                const IpAddress& address,
                                std::uint16_t port) const;
  absl::Status AuthorizeListen(const Principal& principal,
                               const IpAddress& address,
                               std::uint16_t port) const;
  absl::StatusOr<PathPlan> AuthorizeUnixSocket(const Principal& principal,
                                               Verb connect_or_listen,
                                               absl::string_view path) const;
  absl::StatusOr<PathPlan> AuthorizeOpen(const Principal& principal,
                                         absl::string_view path,
                                         FileAccess access) const;

 private:
  // A place where the server listens: a socket's file, or a loopback port.
  struct Door {
    dev_t device = 0;
    ino_t inode = 0;
    std::uint16_t port = 0;  // 0: a file
  };
  absl::Status CheckDoor(const Principal& principal, const IpAddress& address,
                         std::uint16_t port) const;
  absl::Status CheckDoor(const Principal& principal,
                         const std::string& path) const;
  template <class Match>
  absl::Status CheckDoors(const Principal& principal, absl::string_view object,
                          Match match) const;

  void Record(const Principal& principal, Verb verb, std::string object,
              const absl::Status& status, absl::string_view rule,
              std::string argv_hash = "") const;

  const AuditSink sink_;
  mutable Mutex mu_;
  std::shared_ptr<const Policy> policy_ ABSL_GUARDED_BY(mu_);
  std::vector<Door> doors_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_AUTHORITY_AUTHORITY_H_
