#include "server/farpolld_flags.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/default_address.h"
#include "base/version.h"
#include "server/policy/config.h"

namespace farpoll::server {
namespace {

// What flags say before it is understood.
struct Words {
  std::string grace = "5s";
  std::string log_level = "info";
  std::string log_format = "text";
  std::string mode;
};

std::string FlagName(absl::string_view limit) {
  return absl::StrCat("--", absl::StrReplaceAll(limit, {{"_", "-"}}));
}

void AddFlags(CLI::App& app, Settings& settings, Words& words) {
  app.set_version_flag("--version", absl::StrCat("farpolld ", kVersion));
  app.add_option(
         "--listen", settings.listen,
         "unix:PATH or a loopback HOST:PORT (port 0: any free one); may "
         "be repeated. Default: the user's own socket, unix:" +
             UserSocketPath())
      ->envname("FARPOLLD_LISTEN")
      ->delimiter(',');
  app.add_option("--mode", words.mode,
                 "whose server it is: private, its own user's, or system, "
                 "everybody's within its policy; wins over the "
                 "configuration's. Default: private");
  app.add_option("--config", settings.config,
                 "file that says who may do what (docs/configuration.md); "
                 "read again on SIGHUP");
  app.add_option("--check-config", settings.check_config,
                 "only check such a file: exits with 1 and says where it is "
                 "wrong");
  app.add_option("--audit-log", settings.audit_log,
                 "file for one JSON line about each spawn, connect, listen, "
                 "open and refusal; opened again on SIGHUP. Default: the log");
  app.add_flag("--no-passing", settings.no_passing,
               "no second Unix socket, PATH.fd, for handing descriptors over");
  app.add_flag("--debuggable", settings.debuggable,
               "other processes of its user may look into the server: "
               "debuggers, and core dumps");
  app.add_option("--inherit-session", settings.inherit_session,
                 "session of this server's user that gets the descriptors of "
                 "LISTEN_FDS; wins over the configuration's");
  app.add_option("--grace", words.grace,
                 "how long calls in progress may take when the server stops")
      ->capture_default_str();
  app.add_option("--log-level", words.log_level,
                 "debug, info, warning, error or off")
      ->capture_default_str();
  app.add_option("--log-format", words.log_format, "text or json")
      ->capture_default_str();
  for (const LimitField& field : LimitFields()) {
    app.add_option(FlagName(field.name), settings.limits.*field.value,
                   std::string(field.description))
        ->capture_default_str()
        ->group("Limits");
  }
}

// Puts the value of a word where it belongs, or the problem with it where that
// is reported; whether it was good.
template <class Value, class Place>
bool Take(const absl::StatusOr<Value>& value, absl::string_view flag,
          absl::string_view word, Place& place, std::string& problem) {
  if (!value.ok()) {
    problem =
        absl::StrCat("--", flag, " ", word, ": ", value.status().message());
    return false;
  }
  place = *value;
  return true;
}

absl::StatusOr<absl::Duration> ParseGrace(const std::string& word) {
  absl::Duration grace;
  if (!absl::ParseDuration(word, &grace) || grace < absl::ZeroDuration() ||
      grace > absl::Hours(1)) {
    return absl::InvalidArgumentError(
        "expected a duration from 0 to 1h, such as 5s");
  }
  return grace;
}

// What is wrong with the words; empty when they are good.
std::string Understand(const Words& words, Settings& settings) {
  std::string problem;
  const bool good = Take(ParseLogLevel(words.log_level), "log-level",
                         words.log_level, settings.log_level, problem) &&
                    Take(ParseLogFormat(words.log_format), "log-format",
                         words.log_format, settings.log_format, problem) &&
                    Take(ParseGrace(words.grace), "grace", words.grace,
                         settings.grace, problem);
  if (good && !words.mode.empty()) {
    Take(ParseMode(words.mode), "mode", words.mode, settings.mode, problem);
  }
  return problem;
}

}  // namespace

std::variant<Settings, int> ReadFlags(int argc, char** argv) {
  CLI::App app{
      "farpolld serves remote readiness waiting over gRPC.\n"
      "Without flags it listens on the calling user's own Unix socket."};
  Settings settings;
  Words words;
  AddFlags(app, settings, words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "farpolld: " << error.what() << "\nsee: farpolld --help\n";
    return kExitUsage;
  }
  if (const std::string problem = Understand(words, settings);
      !problem.empty()) {
    std::cerr << "farpolld: " << problem << "\nsee: farpolld --help\n";
    return kExitUsage;
  }
  return settings;
}

}  // namespace farpoll::server
