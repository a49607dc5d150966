#include "server/authority/authority.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "base/fnv.h"

namespace farpoll::server {
namespace {

// Of the arguments with their ends, so that equal commands are told without
// writing down what they say.
std::string HashOf(const std::vector<std::string>& argv) {
  std::uint64_t hash = kFnvStart;
  for (const std::string& argument : argv) {
    hash = Fnv1a({argument.c_str(), argument.size() + 1}, hash);
  }
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

std::string EndpointText(const IpAddress& address, std::uint16_t port) {
  return address.is_v6 ? absl::StrCat("[", address.Text(), "]:", port)
                       : absl::StrCat(address.Text(), ":", port);
}

// So that a record that waits, or its line, is never large.
std::string Bounded(std::string object) {
  const std::size_t size = object.size();
  if (size > kMostObjectBytes) {
    object.resize(kMostObjectBytes);
    absl::StrAppend(&object, "... (", size, " bytes)");
  }
  return object;
}

}  // namespace

Authority::Authority(std::shared_ptr<const Policy> policy, AuditSink sink)
    : sink_(std::move(sink)), policy_(std::move(policy)) {}

std::shared_ptr<const Policy> Authority::policy() const {
  MutexLock lock(&mu_);
  return policy_;
}

void Authority::Replace(std::shared_ptr<const Policy> policy) {
  MutexLock lock(&mu_);
  policy_.swap(policy);
}

void Authority::SetOwnAddresses(const std::vector<std::string>& addresses) {
  std::vector<Door> doors;
  for (absl::string_view address : addresses) {
    struct stat file {};
    if (absl::ConsumePrefix(&address, "unix:")) {
      if (stat(std::string(address).c_str(), &file) == 0) {
        doors.push_back({.device = file.st_dev, .inode = file.st_ino});
      }
    } else if (std::uint32_t port = 0; absl::SimpleAtoi(
                   address.substr(address.rfind(':') + 1), &port)) {
      doors.push_back({.port = static_cast<std::uint16_t>(port)});
    }
  }
  MutexLock lock(&mu_);
  doors_ = std::move(doors);
}

template <class Match>
absl::Status Authority::CheckDoors(const Principal& principal,
                                   absl::string_view object,
                                   Match match) const {
  MutexLock lock(&mu_);
  if (principal.IsUser(policy_->spec().own_uid) ||
      std::none_of(doors_.begin(), doors_.end(), match)) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kPermissionDenied, EACCES,
                   "POLICY_ADDRESS", object,
                   absl::StrCat(object, " is this server's own"));
}

absl::Status Authority::CheckDoor(const Principal& principal,
                                  const IpAddress& address,
                                  std::uint16_t port) const {
  // The unspecified address connects to this machine as loopback does.
  const absl::string_view block = SpecialBlockOf(address);
  if (block != "loopback" && block != "unspecified") {
    return absl::OkStatus();
  }
  return CheckDoors(principal, EndpointText(address, port),
                    [port](const Door& door) { return door.port == port; });
}

absl::Status Authority::CheckDoor(const Principal& principal,
                                  const std::string& path) const {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) {
    return absl::OkStatus();  // nothing is there to connect to
  }
  return CheckDoors(principal, path, [&file](const Door& door) {
    return door.port == 0 && door.device == file.st_dev &&
           door.inode == file.st_ino;
  });
}

void Authority::Record(const Principal& principal, Verb verb,
                       std::string object, const absl::Status& status,
                       absl::string_view rule, std::string argv_hash) const {
  if (sink_) {
    sink_(AuditRecord{
        .principal = principal,
        .verb = verb,
        .object = Bounded(std::move(object)),
        .allowed = status.ok(),
        .rule = status.ok() ? std::string(rule) : DetailOf(status).reason,
        .argv_hash = std::move(argv_hash)});
  }
}

absl::Status Authority::Authorize(const Principal& principal, Verb verb,
                                  absl::string_view object) const {
  const absl::Status status = policy()->CheckVerb(principal, verb).status();
  if (!status.ok()) {
    Record(principal, verb, std::string(object), status, "");
  }
  return status;
}

absl::Status Authority::AuthorizePassing(const Principal& principal,
                                         const std::vector<Verb>& verbs,
                                         absl::string_view object) const {
  for (const Verb verb : verbs) {
    const absl::Status status = Authorize(principal, verb, object);
    if (!status.ok()) {
      return status;
    }
  }
  const absl::StatusOr<std::string> rule =
      policy()->CheckVerb(principal, verbs.front());
  Record(principal, verbs.front(), std::string(object), rule.status(),
         rule.ok() ? *rule : "");
  return rule.status();
}

absl::StatusOr<SpawnPlan> Authority::AuthorizeSpawn(
    const Principal& principal, const SpawnRequest& request) const {
  absl::StatusOr<SpawnPlan> plan = policy()->PlanSpawn(principal, request);
  std::string object = plan.ok() ? plan->program : request.template_name;
  if (object.empty() && !request.argv.empty()) {
    object = request.argv.front();
  }
  Record(principal, Verb::kSpawn, std::move(object), plan.status(),
         plan.ok() ? plan->rule : "",
         HashOf(plan.ok() ? plan->argv : request.argv));
  return plan;
}

absl::Status Authority::AuthorizeConnect(const Principal& principal,
                                         const IpAddress& address,
                                         std::uint16_t port) const {
  absl::StatusOr<std::string> rule =
      policy()->CheckConnect(principal, address, port);
  if (const absl::Status door = CheckDoor(principal, address, port);
      rule.ok() && !door.ok()) {
    rule = door;
  }
  Record(principal, Verb::kConnect, EndpointText(address, port), rule.status(),
         rule.ok() ? *rule : "");
  return rule.status();
}

absl::Status Authority::AuthorizeListen(const Principal& principal,
                                        const IpAddress& address,
                                        std::uint16_t port) const {
  const absl::StatusOr<std::string> rule =
      policy()->CheckListen(principal, address, port);
  Record(principal, Verb::kListen, EndpointText(address, port), rule.status(),
         rule.ok() ? *rule : "");
  return rule.status();
}

absl::StatusOr<PathPlan> Authority::AuthorizeUnixSocket(
    const Principal& principal, Verb connect_or_listen,
    absl::string_view path) const {
  absl::StatusOr<PathPlan> plan =
      policy()->CheckUnixSocket(principal, connect_or_listen, path);
  if (plan.ok() && connect_or_listen == Verb::kConnect && !plan->root.empty()) {
    if (const absl::Status door = CheckDoor(principal, std::string(path));
        !door.ok()) {
      plan = door;
    }
  }
  Record(principal, connect_or_listen, absl::StrCat("unix:", path),
         plan.status(), plan.ok() ? plan->rule : "");
  return plan;
}

absl::StatusOr<PathPlan> Authority::AuthorizeOpen(const Principal& principal,
                                                  absl::string_view path,
                                                  FileAccess access) const {
  absl::StatusOr<PathPlan> plan = policy()->CheckOpen(principal, path, access);
  Record(principal, Verb::kOpen, std::string(path), plan.status(),
         plan.ok() ? plan->rule : "");
  return plan;
}

}  // namespace farpoll::server
