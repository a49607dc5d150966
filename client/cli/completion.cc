#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/default_address.h"
#include "client/cli/app.h"
#include "client/cli/complete.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/rpc_catalog.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

constexpr absl::string_view kBash = R"(# source <(farpoll completion bash)
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
_farpoll() {
  local line
  COMPREPLY=()
  while IFS=$'\t' read -r line _; do
    COMPREPLY+=("$line")
  done < <(farpoll completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _farpoll farpoll
)";

constexpr absl::string_view kZsh = R"(#compdef farpoll
# source <(farpoll completion zsh)
_farpoll() {
  local -a found
  local word about
  while IFS=$'\t' read -r word about; do
    found+=("${word//:/\\:}:$about")
  done < <(farpoll completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe farpoll found
}
compdef _farpoll farpoll
)";

constexpr absl::string_view kFish = R"(# farpoll completion fish | source
function __farpoll_words
  set -l words (commandline -opc) (commandline -ct)
  farpoll completion words -- $words[2..-1] 2>/dev/null
end
complete -c farpoll -f -a '(__farpoll_words)'
)";

// How long a person waits for live names.
constexpr absl::Duration kPatience = absl::Milliseconds(300);

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The global flags among the words typed so far.
Flags FlagsIn(const std::vector<std::string>& words) {
  Flags flags;
  const std::map<std::string, std::string*> known = {
      {"--addr", &flags.address},
      {"--session", &flags.session},
      {"--context", &flags.context}};
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    const auto found = known.find(words[i]);
    if (found != known.end()) {
      *found->second = words[i + 1];
    }
  }
  return flags;
}

// Names that live in the server; none when it is away.
class LiveNames {
 public:
  LiveNames(const Settings& settings, const Contexts& contexts)
      : settings_(settings), contexts_(contexts) {
    ClientOptions options;
    options.call_timeout = kPatience;
    absl::StatusOr<Client> client =
        Client::Connect(settings_.address.value, options);
    if (client.ok()) {
      client_ = *client;
    }
  }

  std::vector<Candidate> operator()(const std::string& type,
                                    const std::vector<std::string>& arguments) {
    if (type == "CONTEXT") {
      return Contextual();
    }
    if (type == "SERVICE" || type == "METHOD" || type == "FIELD") {
      return RpcCandidates(type, arguments);
    }
    if (!client_.has_value()) {
      return {};
    }
    return type == "SESSION"    ? Sessions()
           : type == "HANDLE"   ? Handles()
           : type == "SELECTOR" ? Selectors()
                                : std::vector<Candidate>();
  }

 private:
  std::vector<Candidate> Contextual() const {
    std::vector<Candidate> names;
    for (const Context& context : contexts_.contexts()) {
      names.push_back({context.name(), context.address()});
    }
    return names;
  }

  std::vector<Candidate> Sessions() {
    std::vector<Candidate> names;
    const auto sessions = client_->ListSessions();
    if (sessions.ok()) {
      for (const v1::Session& session : *sessions) {
        names.push_back(
            {session.name().empty() ? session.id() : session.name(), ""});
      }
    }
    return names;
  }

  std::vector<Candidate> Handles() {
    std::vector<Candidate> names;
    const auto handles =
        client_->AttachSession(settings_.session.value).ListHandles();
    if (handles.ok()) {
      for (const v1::Handle& handle : *handles) {
        names.push_back(
            {NameOrId(handle.name(), handle.id()), KindName(handle.kind())});
      }
    }
    return names;
  }

  std::vector<Candidate> Selectors() {
    std::vector<Candidate> names;
    const auto selectors =
        client_->AttachSession(settings_.session.value).ListSelectors();
    if (selectors.ok()) {
      for (const v1::Selector& selector : *selectors) {
        names.push_back({NameOrId(selector.name(), selector.id()),
                         absl::StrCat(KindName(selector.kind()), " selector")});
      }
    }
    return names;
  }

  const Settings settings_;
  const Contexts& contexts_;
  absl::optional<Client> client_;
};

// Silent on any failure: a shell is waiting for its prompt.
absl::Status ShowWords(Runtime& run, const std::vector<std::string>& words) {
  const absl::StatusOr<Settings> settings = ResolveSettings(
      FlagsIn(words), &FromEnvironment, run.contexts(), DefaultAddress());
  if (!settings.ok()) {
    return Quietly(kExitLocal);
  }
  LiveNames names(*settings, run.contexts());
  std::string lines;
  for (const Candidate& candidate :
       Complete(*MakeGrammar(), words, std::ref(names))) {
    absl::StrAppend(&lines, candidate.text, "\t", candidate.description, "\n");
  }
  return run.out().Raw(lines);
}

Action Declare(Command command) {
  const auto words = std::make_shared<std::vector<std::string>>();
  Choice choice;
  const std::pair<const char*, absl::string_view> scripts[] = {
      {"bash", kBash}, {"zsh", kZsh}, {"fish", kFish}};
  for (const auto& [shell, script] : scripts) {
    choice.Add(command.AddCommand(shell, absl::StrCat("for ", shell)),
               [text = script](Runtime& run) { return run.out().Raw(text); });
  }
  // What the scripts ask; an empty group hides it from help.
  Command ask = command.AddCommand("words", "completes the last word");
  ask.Hide();
  ask.Add("WORDS", *words, "the words so far");
  choice.Add(ask, [words](Runtime& run) { return ShowWords(run, *words); });
  return choice;
}

}  // namespace

Verb CompletionVerb() {
  return {
      "completion",
      groups::kTool,
      "prints the completion script of a shell",
      R"(  source <(farpoll completion bash)
  source <(farpoll completion zsh)
  farpoll completion fish | source
)",
      "Verbs, flags, and the names of live handles, selectors and sessions; "
      "silent when\nthe server is away.",
      &Declare};
}

}  // namespace farpoll::cli
