// The child processes of a session: starting, signalling and letting go of
// them.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/process.h"
#include "server/handle/pty.h"
#include "server/policy/names.h"
#include "server/policy/policy.h"
#include "server/process/program.h"
#include "server/session/session.h"
#include "server/session/session_parts.h"

namespace farpoll::server {
namespace {

// What programs that use select(2) can bear, whatever we have.
constexpr rlim_t kDescriptors = 1024;

bool HasLimit(const LaunchPlan& plan, int resource) {
  return std::any_of(plan.limits.begin(), plan.limits.end(),
                     [resource](const ChildLimit& limit) {
                       return limit.resource == resource;
                     });
}

void AddDefaultLimits(LaunchPlan& plan) {
  if (!HasLimit(plan, RLIMIT_CORE)) {
    plan.limits.push_back({RLIMIT_CORE, {0, 0}});
  }
  rlimit ours{};
  if (!HasLimit(plan, RLIMIT_NOFILE) && getrlimit(RLIMIT_NOFILE, &ours) == 0) {
    plan.limits.push_back(
        {RLIMIT_NOFILE,
         {std::min(kDescriptors, ours.rlim_max), ours.rlim_max}});
  }
}

// Of every resource that the system knows.
std::vector<ResourceLimit> OwnLimits() {
  std::vector<ResourceLimit> limits;
  for (int resource = 0; resource < RLIM_NLIMITS; ++resource) {
    rlimit ours{};
    if (getrlimit(static_cast<__rlimit_resource>(resource), &ours) == 0) {
      limits.push_back({resource, ours.rlim_cur, ours.rlim_max});
    }
  }
  return limits;
}

// Adds what the server itself has of the variables that are to be inherited.
void Inherit(const std::vector<std::string>& names,
             std::map<std::string, std::string>* environment) {
  for (const std::string& name : names) {
    const char* const value = std::getenv(name.c_str());
    if (value != nullptr && !IsReservedVariable(name)) {
      environment->emplace(name, value);
    }
  }
}

absl::Status NotA(absl::string_view reason, absl::string_view what,
                  const Reference& reference) {
  return MakeError(EINVAL, reason, reference.Text("handle"),
                   absl::StrCat(reference.Text("handle"), " is no ", what));
}

}  // namespace

absl::StatusOr<LaunchPlan> Session::PlanChild(ChildRequest& request) {
  Inherit(request.inherit, &request.program.environment);
  request.program.own_limits = OwnLimits();
  absl::StatusOr<SpawnPlan> spawn =
      context_.authority->AuthorizeSpawn(owner_, request.program);
  if (!spawn.ok()) {
    return spawn.status();
  }
  absl::StatusOr<std::string> path = FindProgram(spawn->program, kSpawnPath);
  if (!path.ok()) {
    return path.status();
  }
  LaunchPlan plan{.path = *std::move(path),
                  .argv = std::move(spawn->argv),
                  .environment = std::move(spawn->environment),
                  .directory = spawn->working_directory.empty()
                                   ? HomeDirectory()
                                   : spawn->working_directory};
  if (plan.directory.front() != '/') {
    return MakeError(EINVAL, "BAD_PATH", "working_directory",
                     "working_directory must be an absolute path");
  }
  for (const ResourceLimit& limit : spawn->limits) {
    plan.limits.push_back({limit.resource, {limit.soft, limit.hard}});
  }
  AddDefaultLimits(plan);
  if (spawn->uid.has_value() || spawn->gid.has_value()) {
    plan.credentials = ChildCredentials{spawn->uid.value_or(geteuid()),
                                        spawn->gid.value_or(getegid())};
  }
  return plan;
}

absl::Status Session::Reserve(PendingChild& child) {
  MutexLock lock(&mu_);
  std::vector<FieldAndName> names;
  for (const std::string& name : child.names) {
    names.emplace_back("name", name);
  }
  const std::int64_t limit = context_.limits->max_session_processes;
  if (ended_.ok() && processes_ >= limit) {
    return LimitReached("max_session_processes", limit, id_);
  }
  if (const absl::Status free = CheckNewHandles(names); !free.ok()) {
    return free;
  }
  const auto count = static_cast<std::int64_t>(names.size());
  const std::shared_ptr<Account> account = context_.account;
  if (const absl::Status taken = account->processes.TryTake(1, "max_processes");
      !taken.ok()) {
    context_.handles->Return(count);
    return taken;
  }
  child.process.place = std::shared_ptr<const void>(
      account.get(), [account](const void*) { account->processes.Return(1); });
  reserved_handles_ += count;
  ++processes_;
  for (const std::string& name : child.names) {
    if (!name.empty()) {
      handle_names_.emplace(name, 0);
    }
  }
  return absl::OkStatus();
}

void Session::Unreserve(const PendingChild& child) {
  reserved_handles_ -= static_cast<std::int64_t>(child.names.size());
  --processes_;
  for (const std::string& name : child.names) {
    handle_names_.erase(name);
  }
}

void Session::Spawn(ChildRequest request, SpawnAnswer answer) {
  const absl::StatusOr<std::vector<std::string>> suffixes =
      EndSuffixes(request.ends);
  if (!suffixes.ok()) {
    return answer(suffixes.status());
  }
  absl::StatusOr<LaunchPlan> plan = PlanChild(request);
  if (!plan.ok()) {
    return answer(plan.status());
  }
  const auto pending = std::make_shared<PendingChild>();
  pending->names.push_back(request.name);
  for (const std::string& suffix : *suffixes) {
    pending->names.push_back(
        request.name.empty() ? "" : absl::StrCat(request.name, ".", suffix));
  }
  pending->process = Process{.program = plan->path,
                             .on_close = request.on_close,
                             .grace = request.grace.value_or(absl::Milliseconds(
                                 context_.limits->default_grace_ms))};
  if (const absl::Status reserved = Reserve(*pending); !reserved.ok()) {
    return answer(reserved);
  }
  absl::StatusOr<ChildEnds> ends = MakeChildEnds(request.ends);
  if (!ends.ok()) {
    return answer(FinishSpawn(*pending, ends.status()));
  }
  pending->ends = std::move(ends->server);
  pending->process.terminal = ends->terminal;
  plan->descriptors = std::move(ends->child);
  plan->terminal = ends->terminal;
  plan->listen_pid = request.ends.listen_fds;
  std::move(ends->environment.begin(), ends->environment.end(),
            std::back_inserter(plan->environment));
  context_.children->Launch(
      *std::move(plan),
      [self = shared_from_this(), pending,
       answer = std::move(answer)](absl::StatusOr<LaunchedChild> launched) {
        answer(self->FinishSpawn(*pending, std::move(launched)));
      });
}

absl::StatusOr<SpawnedChild> Session::FinishSpawn(
    PendingChild& pending, absl::StatusOr<LaunchedChild> launched) {
  absl::Status ended;
  {
    MutexLock lock(&mu_);
    Unreserve(pending);
    if (launched.ok() && ended_.ok()) {
      SpawnedChild child;
      pending.process.pid = launched->pid;
      ++processes_;
      child.process = Describe(AddHandle(
          Handle{.name = pending.names.front(),
                 .kind = HandleKind::kProcess,
                 .fd = std::move(launched->pidfd),
                 .process = std::make_unique<Process>(pending.process)}));
      for (std::size_t i = 0; i < pending.ends.size(); ++i) {
        ServerEnd& end = pending.ends[i];
        child.ends.emplace_back(
            end.suffix,
            Describe(AddHandle(Handle{.name = pending.names[i + 1],
                                      .kind = end.kind,
                                      .fd = std::move(end.fd),
                                      .socket_type = end.socket_type})));
      }
      return child;
    }
    ended = ended_;
  }
  context_.handles->Return(static_cast<std::int64_t>(pending.names.size()));
  if (!launched.ok()) {
    return launched.status();
  }
  // The session ended meanwhile, and its child with it.
  pending.process.pid = launched->pid;
  pending.ends.clear();
  context_.children->Close(pending.process, std::move(launched->pidfd));
  return ended;
}

void Session::EndChildren(std::vector<ClosedChild> children) {
  for (auto& [process, pidfd] : children) {
    context_.children->Close(*process, std::move(pidfd));
  }
}

absl::Status Session::Signal(const Reference& process, int signal, bool group) {
  MutexLock lock(&mu_);
  const absl::StatusOr<Handle*> found = FindHandle(process);
  if (!found.ok()) {
    return found.status();
  }
  const Handle& handle = **found;
  if (handle.process == nullptr) {
    return NotA("NO_PROCESS", "process", process);
  }
  return SignalChild(handle.fd.get(), *handle.process, signal, group);
}

absl::Status Session::Resize(const Reference& pty, const TerminalSize& size) {
  MutexLock lock(&mu_);
  const absl::StatusOr<Handle*> found = FindHandle(pty);
  if (!found.ok()) {
    return found.status();
  }
  if ((*found)->kind != HandleKind::kPty) {
    return NotA("NO_TERMINAL", "terminal", pty);
  }
  return ResizePty((*found)->fd.get(), size);
}

}  // namespace farpoll::server
