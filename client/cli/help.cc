#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/app.h"
#include "client/cli/failure.h"
#include "client/cli/help_text.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

absl::Status Run(Runtime& run, const std::vector<std::string>& words) {
  const std::unique_ptr<Grammar> grammar = MakeGrammar();
  if (words.empty()) {
    return run.out().Raw(RootHelp(*grammar->root, grammar->verbs));
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < grammar->verbs.size(); ++i) {
    names.emplace_back(grammar->verbs[i].name);
    if (names.back() != words[0]) {
      continue;
    }
    const CLI::App* app = grammar->apps[i];
    if (words.size() > 1) {
      app = FindBelow(*app, words[1]);
      if (app == nullptr) {
        return UsageError(
            absl::StrCat("'", words[0], "' has no verb '", words[1], "'"));
      }
    }
    return run.out().Raw(VerbHelp(grammar->verbs[i], *app));
  }
  const std::string nearest = Nearest(words[0], names);
  return WithHint(
      UsageError(absl::StrCat("there is no verb '", words[0], "'")),
      nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "?"));
}

Action Declare(Command command) {
  const auto words = std::make_shared<std::vector<std::string>>();
  command.Add("VERB", *words, "which verb, and which below it")
      .Type("VERB")
      .AtMost(2);
  return [words](Runtime& run) { return Run(run, *words); };
}

}  // namespace

Verb HelpVerb() {
  return {"help",
          groups::kTool,
          "explains farpoll, or one verb",
          R"(  farpoll help
  farpoll help wait
  farpoll help session create
)",
          "",
          &Declare};
}

}  // namespace farpoll::cli
