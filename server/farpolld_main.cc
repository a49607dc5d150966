// server/farpolld_main.cc: room: server. farpolld: flags -> Server -> wait for
// a signal. No logic.
#include <grpc/support/log.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "base/default_address.h"
#include "base/version.h"
#include "server/log/log.h"
#include "server/policy/limits.h"
#include "server/server.h"

namespace farpoll::server {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

struct Flags {
  std::vector<std::string> listen;
  std::string grace = "5s";
  std::string log_level = "info";
  std::string log_format = "text";
  Limits limits;
};

std::string FlagName(absl::string_view limit) {
  return absl::StrCat("--", absl::StrReplaceAll(limit, {{"_", "-"}}));
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", absl::StrCat("farpolld ", kVersion));
  app.add_option(
         "--listen", flags.listen,
         "unix:PATH or a loopback HOST:PORT (port 0: any free one); may "
         "be repeated. Default: the user's own socket, unix:" +
             UserSocketPath())
      ->envname("FARPOLLD_LISTEN")
      ->delimiter(',');
  app.add_option("--grace", flags.grace,
                 "how long calls in progress may take when the server stops")
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level,
                 "debug, info, warning, error or off")
      ->capture_default_str();
  app.add_option("--log-format", flags.log_format, "text or json")
      ->capture_default_str();
  for (const LimitField& field : LimitFields()) {
    app.add_option(FlagName(field.name), flags.limits.*field.value,
                   std::string(field.description))
        ->capture_default_str()
        ->group("Limits");
  }
}

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

sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int Serve(const Flags& flags, absl::Duration grace, Log& log) {
  const sigset_t signals = BlockStopSignals();  // before any thread starts
  RaiseDescriptorLimit();
  gpr_set_log_function(QuietGrpc);
  ServerOptions options{
      .listen = flags.listen, .limits = flags.limits, .log = &log};
  if (options.listen.empty()) {
    if (!MakeSocketFolder(UserSocketPath())) {
      return kExitFailure;
    }
    options.listen.push_back("unix:" + UserSocketPath());
  }
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(std::move(options));
  if (!server.ok()) {
    std::cerr << "farpolld: " << server.status().message() << "\n";
    return absl::IsInvalidArgument(server.status()) ? kExitUsage : kExitFailure;
  }
  std::cout << "farpolld " << kVersion << " listening on "
            << absl::StrJoin((*server)->addresses(), ", ") << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  // A second one ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*server)->Shutdown(grace);
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app{
      "farpolld serves remote readiness waiting over gRPC.\n"
      "Without flags it listens on the calling user's own Unix socket."};
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "farpolld: " << error.what() << "\nsee: farpolld --help\n";
    return kExitUsage;
  }
  const absl::StatusOr<Log::Level> level = ParseLogLevel(flags.log_level);
  const absl::StatusOr<Log::Format> format = ParseLogFormat(flags.log_format);
  absl::Duration grace;
  std::string problem;
  if (!level.ok()) {
    problem = absl::StrCat("--log-level ", flags.log_level, ": ",
                           level.status().message());
  } else if (!format.ok()) {
    problem = absl::StrCat("--log-format ", flags.log_format, ": ",
                           format.status().message());
  } else if (!absl::ParseDuration(flags.grace, &grace) ||
             grace < absl::ZeroDuration() || grace > absl::Hours(1)) {
    problem = absl::StrCat("--grace ", flags.grace,
                           ": expected a duration from 0 to 1h, such as 5s");
  }
  if (!problem.empty()) {
    std::cerr << "farpolld: " << problem << "\nsee: farpolld --help\n";
    return kExitUsage;
  }
  Log log(*format, *level);
  return Serve(flags, grace, log);
}

}  // namespace
}  // namespace farpoll::server

int main(int argc, char** argv) { return farpoll::server::Main(argc, argv); }
