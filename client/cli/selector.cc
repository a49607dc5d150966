#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/describe_values.h"
#include "client/cli/selector_kinds.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  v1::SelectorKind kind = kUsualKind;
};

absl::Status Create(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<Selector> selector =
      (*session)->CreateSelector(arguments.kind, arguments.name);
  if (!selector.ok()) {
    return selector.status();
  }
  selector->Release();
  const absl::StatusOr<v1::Selector> made = selector->Describe();
  if (!made.ok()) {
    return made.status();
  }
  return run.out().Object(ToJson(*made), SelectorTable({*made}));
}

absl::Status ListAll(Runtime& run, Session& session) {
  const absl::StatusOr<std::vector<v1::Selector>> selectors =
      session.ListSelectors();
  if (!selectors.ok()) {
    return selectors.status();
  }
  return run.out().List("selectors", JsonOfEach(*selectors),
                        SelectorTable(*selectors));
}

absl::Status ListRegistrations(Runtime& run, Selector selector) {
  const absl::StatusOr<std::vector<v1::Registration>> registrations =
      selector.Registrations();
  if (!registrations.ok()) {
    return registrations.status();
  }
  std::vector<Json> items;
  for (const v1::Registration& registration : *registrations) {
    items.push_back(RegistrationJson(registration));
  }
  return run.out().List("registrations", items,
                        RegistrationTable(*registrations));
}

absl::Status List(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  return arguments.name.empty()
             ? ListAll(run, **session)
             : ListRegistrations(run,
                                 (*session)->AttachSelector(arguments.name));
}

absl::Status Delete(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  return (*session)->AttachSelector(arguments.name).Close();
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  Choice choice;

  Command create = command.AddCommand("create", "makes a selector");
  create.Add("NAME", arguments->name, "its name").Required();
  AddKindOption(create, arguments->kind);
  choice.Add(create,
             [arguments](Runtime& run) { return Create(run, *arguments); });

  Command list = command.AddCommand(
      "list", "lists selectors, or the registrations of one");
  list.Add("SELECTOR", arguments->name, "by name or id").Type("SELECTOR");
  choice.Add(list, [arguments](Runtime& run) { return List(run, *arguments); });

  Command remove =
      command.AddCommand("delete", "closes a selector; its handles stay open");
  remove.Add("SELECTOR", arguments->name, "by name or id")
      .Type("SELECTOR")
      .Required();
  choice.Add(remove,
             [arguments](Runtime& run) { return Delete(run, *arguments); });
  return choice;
}

}  // namespace

Verb SelectorVerb() {
  return {"selector",
          groups::kInterest,
          "create, list, delete: interest in handles that lasts",
          R"(  farpoll selector create sel
  farpoll selector list              # all of the session
  farpoll selector list sel          # what is registered with one
  farpoll selector delete sel
)",
          "A poll selector shows hang-ups and errors as they are; a default "
          "one folds them into what was asked; a select one speaks of three "
          "sets.",
          &Declare};
}

}  // namespace farpoll::cli
