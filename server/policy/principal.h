// server/policy/principal.h: room: server/policy. Who asks: the identity that
// owns sessions, is granted verbs and is named in the audit log.
// Threads: plain values.
// Source: unix(7), SO_PEERCRED; docs/security.md.
#ifndef FARPOLL_SERVER_POLICY_PRINCIPAL_H_
#define FARPOLL_SERVER_POLICY_PRINCIPAL_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace farpoll::server {

// Two principals are the same owner when Key() is the same: a user is one
// principal through all of its processes. What a certificate or a token proves
// becomes a further Kind with a name.
struct Principal {
  enum class Kind {
    // A user of this machine, as the kernel told it of the peer of a Unix
    // socket, or of this very process.
    kLocal,
    // Whoever reached a loopback TCP port. Any local user can: it is nobody.
    kAnonymousTcp,
  };

  Kind kind = Kind::kAnonymousTcp;
  // Of kLocal only.
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;  // supplementary ones

  static Principal Local(uid_t uid, gid_t gid, pid_t pid,
                         std::vector<gid_t> groups = {});
  static Principal AnonymousTcp();
  // The user this process runs as, for calls from within it.
  static Principal ThisProcess();

  bool IsUser(uid_t user) const { return kind == Kind::kLocal && uid == user; }
  bool IsInGroup(gid_t group) const;

  // "uid:1000" or "anonymous-tcp".
  std::string Key() const;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_PRINCIPAL_H_
