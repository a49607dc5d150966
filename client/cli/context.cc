#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  bool origin = false;
};

absl::Status Unknown(const std::string& name) {
  return LocalError(absl::StrCat("there is no context '", name, "'"),
                    "farpoll context list shows those there are");
}

// The value of a setting that was said for this command, by flag or variable.
std::string Said(const Setting& setting) {
  const bool said = setting.origin.rfind("--", 0) == 0 ||
                    setting.origin.rfind("FARPOLL_", 0) == 0;
  return said ? setting.value : "";
}

absl::Status Create(Runtime& run, const Arguments& arguments) {
  if (FindContext(run.contexts(), arguments.name) != nullptr) {
    return LocalError(
        absl::StrCat("there is a context '", arguments.name, "' already"),
        absl::StrCat("farpoll context delete ", arguments.name));
  }
  const Settings& settings = run.settings();
  Context& context = ContextNamed(run.contexts(), arguments.name);
  context.set_address(settings.local ? "" : Said(settings.address));
  context.set_session(Said(settings.session));
  if (!context.session().empty()) {
    context.set_session_address(settings.address.value);
  }
  context.set_output(Said(settings.output));
  context.set_timeout(Said(settings.timeout));
  return run.SaveContexts();
}

absl::Status List(Runtime& run) {
  Table table = {{"CURRENT", "NAME", "ADDRESS", "SESSION"}, {}};
  std::vector<Json> items;
  for (const Context& context : run.contexts().contexts()) {
    const bool current = context.name() == run.settings().context.value;
    table.rows.push_back({current ? "*" : "", context.name(),
                          context.address().empty() ? "-" : context.address(),
                          context.session().empty() ? "-" : context.session()});
    Json item = ToJson(context);
    item["current"] = current;
    items.push_back(item);
  }
  return run.out().List("contexts", items, table);
}

absl::Status Use(Runtime& run, const Arguments& arguments) {
  if (FindContext(run.contexts(), arguments.name) == nullptr) {
    return Unknown(arguments.name);
  }
  run.contexts().set_current(arguments.name);
  return run.SaveContexts();
}

absl::Status Show(Runtime& run, const Arguments& arguments) {
  const Settings& settings = run.settings();
  const std::pair<const char*, const Setting*> shown[] = {
      {"context", &settings.context}, {"address", &settings.address},
      {"session", &settings.session}, {"output", &settings.output},
      {"timeout", &settings.timeout}, {"color", &settings.color}};
  Table table;
  table.headers = {"SETTING", "VALUE"};
  if (arguments.origin) {
    table.headers.push_back("ORIGIN");
  }
  Json json;
  for (const auto& [name, setting] : shown) {
    table.rows.push_back({name, setting->value.empty() ? "-" : setting->value});
    json[name] = setting->value;
    if (arguments.origin) {
      table.rows.back().push_back(setting->origin);
      json[absl::StrCat(name, "Origin")] = setting->origin;
    }
  }
  return run.out().Object(json, table);
}

absl::Status Delete(Runtime& run, const Arguments& arguments) {
  auto& contexts = *run.contexts().mutable_contexts();
  for (int i = 0; i < contexts.size(); ++i) {
    if (contexts.Get(i).name() == arguments.name) {
      contexts.DeleteSubrange(i, 1);
      if (run.contexts().current() == arguments.name) {
        run.contexts().clear_current();
      }
      return run.SaveContexts();
    }
  }
  return Unknown(arguments.name);
}

Command AddNamed(Command command, const std::string& name,
                 const std::string& summary, const std::string& type,
                 Arguments& arguments) {
  Command verb = command.AddCommand(name, summary);
  verb.Add("NAME", arguments.name, "which context").Type(type).Required();
  return verb;
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  Choice choice;
  choice.Add(
      AddNamed(command, "create",
               "keeps what the global flags say under a name", "", *arguments),
      [arguments](Runtime& run) { return Create(run, *arguments); });
  choice.Add(command.AddCommand("list", "lists contexts"), &List);
  choice.Add(AddNamed(command, "use", "makes a context the current one",
                      "CONTEXT", *arguments),
             [arguments](Runtime& run) { return Use(run, *arguments); });
  Command show = command.AddCommand("show", "shows the settings in force");
  show.AddFlag("--origin", arguments->origin, "and where each value came from");
  choice.Add(show, [arguments](Runtime& run) { return Show(run, *arguments); });
  choice.Add(
      AddNamed(command, "delete", "forgets a context", "CONTEXT", *arguments),
      [arguments](Runtime& run) { return Delete(run, *arguments); });
  return choice;
}

}  // namespace

Verb ContextVerb() {
  return {"context",
          groups::kTool,
          "create, list, use, show, delete: server and session by one name",
          R"(  farpoll context create lab --addr lab7:7433
  farpoll context use lab
  farpoll context show --origin      # every setting, and who said it
)",
          "Kept in $XDG_CONFIG_HOME/farpoll/contexts.textproto. A flag goes "
          "before a variable,\na variable before the context.",
          &Declare};
}

}  // namespace farpoll::cli
