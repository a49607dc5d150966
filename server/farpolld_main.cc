// server/farpolld_main.cc: room: server. farpolld: flags -> policy -> Server ->
// wait for a signal. No logic.
#include <grpc/support/log.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/default_address.h"
#include "base/version.h"
#include "server/authority/audit_log.h"
#include "server/config_file.h"
#include "server/farpolld_flags.h"
#include "server/inherited.h"
#include "server/log/log.h"
#include "server/policy/policy.h"
#include "server/server.h"

namespace farpoll::server {
namespace {

// As many descriptors as the system lets us have.
void RaiseDescriptorLimit() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &descriptors);
  }
}

// Makes the folder of the default socket, for its owner alone. Somebody else's
// folder of that name would let them replace our socket.
bool MakeSocketFolder(const std::string& socket_path) {
  const std::filesystem::path folder =
      std::filesystem::path(socket_path).parent_path();
  if (mkdir(folder.c_str(), 0700) == 0) {
    return true;
  }
  struct stat status {};
  if (errno != EEXIST || lstat(folder.c_str(), &status) != 0) {
    std::cerr << "farpolld: cannot make " << folder.native() << ": "
              << std::generic_category().message(errno) << "\n";
    return false;
  }
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() ||
      (status.st_mode & 077) != 0) {
    std::cerr << "farpolld: " << folder.native()
              << " must be a folder of yours with mode 0700\n";
    return false;
  }
  return true;
}

// gRPC reports in its own words what we report in ours.
void QuietGrpc(gpr_log_func_args* /*args*/) {}

// Signals that the main thread waits for.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Each line of an error by itself: a configuration can have many.
std::vector<std::string> Lines(const absl::Status& status) {
  return absl::StrSplit(status.message(), '\n');
}

int Fail(const absl::Status& status, int code) {
  for (const std::string& line : Lines(status)) {
    std::cerr << "farpolld: " << line << "\n";
  }
  return code;
}

int CheckConfig(const Settings& settings) {
  const absl::Status good =
      LoadPolicy(settings.check_config, settings.mode).status();
  if (!good.ok()) {
    std::cerr << good.message() << "\n";
    return kExitFailure;
  }
  std::cout << settings.check_config << ": good\n";
  return 0;
}

// The policy of the settings.
absl::StatusOr<std::shared_ptr<const Policy>> MakePolicy(
    const Settings& settings) {
  if (!settings.config.empty()) {
    return LoadPolicy(settings.config, settings.mode);
  }
  return std::make_shared<const Policy>(
      Policy::Default(settings.mode.value_or(Mode::kPrivate), geteuid()));
}

// Takes a good configuration over and leaves the one in force for a bad one.
void Reload(const Settings& settings, Server& server, Log& log,
            AuditLog& audit) {
  absl::StatusOr<std::shared_ptr<const Policy>> policy = MakePolicy(settings);
  if (policy.ok()) {
    server.SetPolicy(*std::move(policy));
    log.Write(Log::Level::kInfo, "policy.loaded", {{"file", settings.config}});
  } else {
    for (const std::string& line : Lines(policy.status())) {
      log.Write(Log::Level::kError, "policy.rejected", {{"problem", line}});
    }
  }
  audit.Reopen();
}

// Serves until told to stop.
void AwaitEnd(const Settings& settings, const sigset_t& signals, Server& server,
              Log& log, AuditLog& audit) {
  // Without anything to read again a hang-up is a terminal that went away.
  const bool reloads = !settings.config.empty() || !settings.audit_log.empty();
  int signal = 0;
  sigwait(&signals, &signal);
  while (signal == SIGHUP && reloads) {
    Reload(settings, server, log, audit);
    sigwait(&signals, &signal);
  }
  // A second one ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

// A null pointer: decisions go to the log.
absl::StatusOr<std::unique_ptr<Log>> OpenAuditLog(const Settings& settings) {
  if (settings.audit_log.empty()) {
    return nullptr;
  }
  return Log::ToFile(settings.audit_log, Log::Format::kJson, Log::Level::kInfo);
}

// Names the session of what the service manager left open, as the settings or
// the configuration do; without one it stays open to no use.
Inherited Name(Inherited inherited, const Settings& settings,
               const Policy& policy) {
  if (!settings.inherit_session.empty()) {
    inherited.session = settings.inherit_session;
    inherited.owner = geteuid();
  } else if (policy.spec().inherited.has_value()) {
    inherited.session = policy.spec().inherited->name;
    inherited.owner = policy.spec().inherited->owner;
  }
  return inherited;
}

int Serve(const Settings& settings) {
  // Before anything is opened, which could get the number of one that is said
  // to be inherited and is not there.
  Inherited left_open = TakeInherited();
  const sigset_t signals = BlockSignals();  // before any thread starts
  RaiseDescriptorLimit();
  gpr_set_log_function(QuietGrpc);
  absl::StatusOr<std::shared_ptr<const Policy>> policy = MakePolicy(settings);
  if (!policy.ok()) {
    return Fail(policy.status(), kExitFailure);
  }
  const absl::StatusOr<std::unique_ptr<Log>> file = OpenAuditLog(settings);
  if (!file.ok()) {
    return Fail(file.status(), kExitFailure);
  }
  Inherited inherited = Name(std::move(left_open), settings, **policy);
  Log log(settings.log_format, settings.log_level);
  const RealClock clock;
  AuditLog audit(*file == nullptr ? &log : file->get(), &log, &clock);
  ServerOptions options{
      .listen = settings.listen,
      .limits = settings.limits,
      .policy = *std::move(policy),
      .log = &log,
      .audit = [&audit](const AuditRecord& record) { audit.Add(record); },
      .passing = !settings.no_passing,
      .inherited = std::move(inherited)};
  if (options.listen.empty()) {
    if (!MakeSocketFolder(UserSocketPath())) {
      return kExitFailure;
    }
    options.listen.push_back("unix:" + UserSocketPath());
  }
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(std::move(options));
  if (!server.ok()) {
    return Fail(server.status(), absl::IsInvalidArgument(server.status())
                                     ? kExitUsage
                                     : kExitFailure);
  }
  std::cout << "farpolld " << kVersion << " listening on "
            << absl::StrJoin((*server)->addresses(), ", ") << std::endl;
  AwaitEnd(settings, signals, **server, log, audit);
  (*server)->Shutdown(settings.grace);
  return 0;
}

// What the server knows and holds is not for other processes of its user, its
// children among them: none may attach to it, read its memory or take its
// descriptors, and it leaves no core. Programs that it starts are as any other.
// Source: prctl(2), PR_SET_DUMPABLE; ptrace(2), access mode checking.
void HideMemory() { (void)prctl(PR_SET_DUMPABLE, 0); }

int Main(int argc, char** argv) {
  const std::variant<Settings, int> flags = ReadFlags(argc, argv);
  if (const int* const code = std::get_if<int>(&flags)) {
    return *code;
  }
  const auto& settings = std::get<Settings>(flags);
  if (!settings.debuggable) {
    HideMemory();
  }
  return settings.check_config.empty() ? Serve(settings)
                                       : CheckConfig(settings);
}

}  // namespace
}  // namespace farpoll::server

int main(int argc, char** argv) { return farpoll::server::Main(argc, argv); }
