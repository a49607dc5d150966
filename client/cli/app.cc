#include "client/cli/app.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/optional.h"
#include "base/default_address.h"
#include "client/cli/failure.h"
#include "client/cli/help_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void AddGlobalFlags(Command program, Flags& flags) {
  program
      .Add("--addr", flags.address,
           "the server [FARPOLL_ADDR; your own socket]")
      .Type("unix:PATH|HOST:PORT");
  program
      .Add("--context", flags.context,
           "settings kept under a name [FARPOLL_CONTEXT]")
      .Type("CONTEXT");
  program
      .Add("--session", flags.session,
           "the session, by name or id [FARPOLL_SESSION]")
      .Type("SESSION");
  program
      .Add("-o,--output", flags.output,
           "form of the output [FARPOLL_OUTPUT; table]")
      .Type("table|json|jsonl");
  program
      .Add("--timeout", flags.timeout,
           "250ms, 5s, 2m, 0, inf: of a wait (inf), of any other call "
           "(5s) [FARPOLL_TIMEOUT]")
      .Type("DUR");
  program.AddFlag("--local", flags.local,
                  "use a server inside this process, gone with it");
  program.AddFlag("--no-headers", flags.no_headers, "tables without headers");
  program.Add("--columns", flags.columns, "tables of these columns alone")
      .Type("NAME,...");
  program.Add("--color", flags.color, "[NO_COLOR, CLICOLOR_FORCE; auto]")
      .OneOf({"auto", "always", "never"});
  program.AddFlag("-q,--quiet", flags.quiet, "no notes; errors still show");
  program.AddFlag("-v,--verbose", flags.verbose,
                  "say which server and session are used [FARPOLL_VERBOSE]");
}

// The verb that was given; null when none was.
CLI::App* GivenVerb(const Grammar& grammar) {
  for (CLI::App* app : grammar.apps) {
    if (app->parsed()) {
      return app;
    }
  }
  return nullptr;
}

std::string HelpFor(const Grammar& grammar) {
  for (std::size_t i = 0; i < grammar.apps.size(); ++i) {
    const CLI::App* app = grammar.apps[i];
    if (app->parsed()) {
      const std::vector<CLI::App*> below = grammar.apps[i]->get_subcommands();
      return VerbHelp(grammar.verbs[i], below.empty() ? *app : *below[0]);
    }
  }
  return RootHelp(*grammar.root, grammar.verbs);
}

absl::Status UnknownVerb(const Grammar& grammar, const std::string& word) {
  std::vector<std::string> names;
  for (const Verb& verb : grammar.verbs) {
    names.emplace_back(verb.name);
  }
  const std::string nearest = Nearest(word, names);
  return WithHint(
      UsageError(absl::StrCat("there is no verb '", word, "'")),
      nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "?"));
}

// What came after parsing with nothing to stand for: an error.
absl::Status CheckLeftOver(const Grammar& grammar) {
  const std::vector<std::string> left = grammar.root->remaining();
  const CLI::App* verb = GivenVerb(grammar);
  if (left.empty() || (verb != nullptr && verb->get_allow_extras())) {
    return absl::OkStatus();
  }
  if (verb == nullptr && left[0].rfind('-', 0) != 0) {
    return UnknownVerb(grammar, left[0]);
  }
  return UsageError(absl::StrCat("unexpected argument '", left[0], "'"));
}

// Parses; nothing when the command line was answered by help.
absl::StatusOr<bool> Parse(Grammar& grammar, int argc,
                           const char* const* argv) {
  try {
    grammar.root->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ParseError& error) {
    const absl::Status left_over = CheckLeftOver(grammar);
    return left_over.ok() ? UsageError(error.what()) : left_over;
  }
  const absl::Status left_over = CheckLeftOver(grammar);
  if (!left_over.ok()) {
    return left_over;
  }
  return GivenVerb(grammar) != nullptr;
}

// Shows why a command failed, in the form that its output has.
void ShowFailure(const absl::Status& status, bool json, bool color,
                 const std::string& address, const CLI::App* verb) {
  std::string text;
  if (json) {
    text = absl::StrCat(ErrorJson(status, address), "\n");
  } else {
    const Explanation said = Explain(status, address);
    text = absl::StrCat(color ? "\033[1;31merror:\033[0m " : "error: ",
                        said.message);
    if (!said.code.empty()) {
      absl::StrAppend(&text, "  [", said.code, "]");
    }
    text += "\n";
    if (!said.hint.empty()) {
      absl::StrAppend(
          &text, color ? "\033[1mhint:\033[0m " : "hint: ", said.hint, "\n");
    }
    if (IsUsage(status)) {
      absl::StrAppend(&text, "see: farpoll help", verb == nullptr ? "" : " ",
                      verb == nullptr ? "" : verb->get_name(), "\n");
    }
  }
  (void)WriteAll(STDERR_FILENO, text);
}

bool UseColor(const std::string& choice, int fd) {
  return choice == "always" || (choice != "never" && ::isatty(fd) == 1);
}

TableStyle StyleOf(const Flags& flags) {
  TableStyle style;
  style.headers = !flags.no_headers;
  style.columns = absl::StrSplit(flags.columns, ',', absl::SkipEmpty());
  style.width = TerminalWidth(STDOUT_FILENO);
  return style;
}

// Runs the verb that was parsed.
absl::Status Execute(const Grammar& grammar, Settings settings,
                     Contexts contexts, Interrupt& interrupt) {
  const Format format = settings.format;
  const bool quiet = settings.quiet;
  Runtime run(std::move(settings), std::move(contexts), ContextsPath(),
              Output(format, StyleOf(grammar.flags), quiet), interrupt);
  for (std::size_t i = 0; i < grammar.apps.size(); ++i) {
    if (grammar.apps[i]->parsed()) {
      const absl::Status status = grammar.actions[i](run);
      const bool interrupted = interrupt.signal() != 0 &&
                               status.code() == absl::StatusCode::kCancelled &&
                               !IsQuiet(status);
      return interrupted ? Quietly(kExitSignalBase + interrupt.signal())
                         : status;
    }
  }
  return absl::InternalError("no verb was parsed");
}

}  // namespace

Grammar::Grammar() = default;
Grammar::~Grammar() = default;

std::unique_ptr<Grammar> MakeGrammar() {
  auto grammar = std::make_unique<Grammar>();
  grammar->verbs = AllVerbs();
  grammar->root = std::make_unique<CLI::App>("", "farpoll");
  CLI::App& root = *grammar->root;
  root.set_help_flag("-h,--help", "this help, or that of a verb");
  // One verb: a name after it that is also a verb's is an argument.
  root.require_subcommand(0, 1);
  root.fallthrough();
  AddGlobalFlags(Command(&root), grammar->flags);
  for (const Verb& verb : grammar->verbs) {
    CLI::App* app =
        root.add_subcommand(std::string(verb.name), std::string(verb.summary));
    app->fallthrough();
    grammar->apps.push_back(app);
    grammar->actions.push_back(verb.declare(Command(app)));
    const auto below = app->get_subcommands(nullptr);
    for (CLI::App* sub : below) {
      sub->fallthrough();
    }
    if (!below.empty()) {
      app->require_subcommand(1);
    }
  }
  root.allow_extras();  // last, as verbs would inherit it
  return grammar;
}

const CLI::App* FindBelow(const CLI::App& app, const std::string& name) {
  const auto found = app.get_subcommands(
      [&](const CLI::App* sub) { return sub->get_name() == name; });
  return found.empty() ? nullptr : found[0];
}

int RunProgram(int argc, const char* const* argv) {
  Interrupt interrupt;
  const std::unique_ptr<Grammar> grammar = MakeGrammar();
  const absl::StatusOr<bool> parsed = Parse(*grammar, argc, argv);
  const Flags& flags = grammar->flags;
  const CLI::App* verb = GivenVerb(*grammar);
  if (!parsed.ok()) {
    ShowFailure(parsed.status(),
                flags.output == "json" || flags.output == "jsonl",
                UseColor(flags.color, STDERR_FILENO), "", verb);
    return ExitCodeOf(parsed.status());
  }
  if (!*parsed) {
    return ExitCodeOf(WriteAll(STDOUT_FILENO, HelpFor(*grammar)));
  }

  if (verb != nullptr && verb->get_name() == "demo") {
    grammar->flags.local = true;  // it needs no server and touches none
  }
  const absl::StatusOr<Contexts> contexts = LoadContexts(ContextsPath());
  absl::StatusOr<Settings> settings =
      contexts.ok() ? ResolveSettings(flags, &FromEnvironment, *contexts,
                                      DefaultAddress())
                    : contexts.status();
  if (!settings.ok()) {
    ShowFailure(settings.status(), false, UseColor(flags.color, STDERR_FILENO),
                "", verb);
    return ExitCodeOf(settings.status());
  }
  const Settings shown = *settings;
  const absl::Status status =
      Execute(*grammar, *std::move(settings), *contexts, interrupt);
  if (!status.ok() && !IsQuiet(status)) {
    ShowFailure(status, shown.format != Format::kTable,
                UseColor(shown.color.value, STDERR_FILENO), shown.address.value,
                verb);
  }
  return ExitCodeOf(status);
}

}  // namespace farpoll::cli
