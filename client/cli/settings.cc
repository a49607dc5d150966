#include "client/cli/settings.h"

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/spec.h"

namespace farpoll::cli {
namespace {

// Where one setting may come from.
struct Sources {
  absl::string_view flag_name;
  std::string flag;
  const char* variable;
  std::string in_context;
  std::string fallback;
};

Setting Resolve(const Sources& sources, const Environment& environment,
                const std::string& context_name) {
  if (!sources.flag.empty()) {
    return {sources.flag, std::string(sources.flag_name)};
  }
  if (sources.variable != nullptr) {
    const std::string value = environment(sources.variable);
    if (!value.empty()) {
      return {value, sources.variable};
    }
  }
  if (!sources.in_context.empty()) {
    return {sources.in_context, absl::StrCat("context ", context_name)};
  }
  return {sources.fallback, "default"};
}

absl::StatusOr<Format> ParseFormat(const Setting& output) {
  if (output.value == "table") {
    return Format::kTable;
  }
  if (output.value == "json") {
    return Format::kJson;
  }
  if (output.value == "jsonl") {
    return Format::kJsonLines;
  }
  return UsageError(absl::StrCat("'", output.value, "' (", output.origin,
                                 ") is none of table, json, jsonl"));
}

absl::Status CheckTimeout(const Setting& timeout) {
  if (timeout.value.empty()) {
    return absl::OkStatus();
  }
  return ParseTimeout(timeout.value).status();
}

// By https://no-color.org and its counterpart; an explicit flag wins.
Setting ResolveColor(const Flags& flags, const Environment& environment) {
  if (!flags.color.empty()) {
    return {flags.color, "--color"};
  }
  if (!environment("NO_COLOR").empty()) {
    return {"never", "NO_COLOR"};
  }
  const std::string force = environment("CLICOLOR_FORCE");
  if (!force.empty() && force != "0") {
    return {"always", "CLICOLOR_FORCE"};
  }
  return {"auto", "default"};
}

}  // namespace

absl::StatusOr<Settings> ResolveSettings(const Flags& flags,
                                         const Environment& environment,
                                         const Contexts& contexts,
                                         const std::string& default_address) {
  Settings settings;
  settings.context = Resolve(
      {"--context", flags.context, "FARPOLL_CONTEXT", contexts.current(), ""},
      environment, "file");
  Context context;
  if (const Context* found = FindContext(contexts, settings.context.value)) {
    context = *found;
  } else if (!settings.context.value.empty()) {
    return LocalError(
        absl::StrCat("there is no context '", settings.context.value, "'"),
        "farpoll context list shows those there are");
  }

  const std::string& name = context.name();
  settings.address = Resolve({"--addr", flags.address, "FARPOLL_ADDR",
                              context.address(), default_address},
                             environment, name);
  if (flags.local) {
    settings.address = {"the embedded server", "--local"};
  }
  // A session is remembered together with its server.
  const bool same_server =
      !flags.local && context.session_address() == settings.address.value;
  settings.session = Resolve({"--session", flags.session, "FARPOLL_SESSION",
                              same_server ? context.session() : "", ""},
                             environment, name);
  settings.output = Resolve(
      {"--output", flags.output, "FARPOLL_OUTPUT", context.output(), "table"},
      environment, name);
  settings.timeout = Resolve(
      {"--timeout", flags.timeout, "FARPOLL_TIMEOUT", context.timeout(), ""},
      environment, name);
  settings.color = ResolveColor(flags, environment);
  settings.local = flags.local;
  settings.quiet = flags.quiet;
  settings.verbose = flags.verbose || !environment("FARPOLL_VERBOSE").empty();

  const absl::StatusOr<Format> format = ParseFormat(settings.output);
  if (!format.ok()) {
    return format.status();
  }
  settings.format = *format;
  const absl::Status timeout = CheckTimeout(settings.timeout);
  if (!timeout.ok()) {
    return timeout;
  }
  return settings;
}

}  // namespace farpoll::cli
