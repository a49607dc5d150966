#include "client/cli/help_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"

namespace farpoll::cli {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

// Two columns; a long left side goes on a line of its own.
std::string TwoColumns(const Rows& rows) {
  constexpr std::size_t kWidest = 26;
  std::size_t width = 0;
  for (const auto& row : rows) {
    if (row.first.size() <= kWidest) {
      width = std::max(width, row.first.size());
    }
  }
  std::string text;
  for (const auto& [left, right] : rows) {
    absl::StrAppend(&text, "  ", left);
    if (left.size() > width) {
      absl::StrAppend(&text, "\n  ", std::string(width, ' '));
    } else {
      text.append(width - left.size(), ' ');
    }
    absl::StrAppend(&text, "  ", right, "\n");
  }
  return text;
}

// "-o, --output table|json|jsonl"
std::string OptionLabel(const CLI::Option& option) {
  std::string label = option.get_name(false, true);
  std::replace(label.begin(), label.end(), ',', ' ');
  const std::string type = option.get_type_name();
  return option.get_items_expected_max() == 0 || type.empty()
             ? label
             : absl::StrCat(label, " ", type);
}

Rows OptionRows(const CLI::App& app, bool positional) {
  Rows rows;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() == positional &&
        !option->get_group().empty()) {
      rows.emplace_back(
          positional ? option->get_name(true) : OptionLabel(*option),
          option->get_description());
    }
  }
  return rows;
}

std::vector<const CLI::App*> Below(const CLI::App& app) {
  return app.get_subcommands(
      [](const CLI::App* sub) { return !sub->get_group().empty(); });
}

// "farpoll session create"
std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr
             ? app.get_name()
             : absl::StrCat(FullName(*app.get_parent()), " ", app.get_name());
}

std::string Usage(const CLI::App& app) {
  std::string usage = FullName(app);
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) {
      continue;
    }
    const std::string name =
        absl::StrCat(option->get_name(true),
                     option->get_items_expected_max() > 1 ? "..." : "");
    absl::StrAppend(
        &usage, " ",
        option->get_required() ? name : absl::StrCat("[", name, "]"));
  }
  if (!Below(app).empty()) {
    absl::StrAppend(&usage, " VERB");
  }
  return absl::StrCat(usage, " [OPTIONS]");
}

std::string Section(absl::string_view heading, const std::string& body) {
  return body.empty() ? "" : absl::StrCat("\n", heading, ":\n", body);
}

}  // namespace

std::string RootHelp(const CLI::App& root, const std::vector<Verb>& verbs) {
  std::string text =
      "farpoll waits, over gRPC, for readiness of descriptors that live in "
      "farpolld.\n\n"
      "  farpoll demo                     # see it work, no server needed\n"
      "  farpolld &                       # your own server\n"
      "  farpoll pipe in out              # a pipe in it\n"
      "  farpoll wait in:r --follow &     # wait for its read end\n"
      "  farpoll write out hello          # the event shows up\n"
      "  farpoll read in\n"
      "\nusage: farpoll [GLOBAL FLAGS] VERB [ARGS]\n";
  absl::string_view group;
  Rows rows;
  for (const Verb& verb : verbs) {
    if (verb.group != group) {
      text += Section(group, TwoColumns(rows));
      rows.clear();
      group = verb.group;
    }
    rows.emplace_back(verb.name, verb.summary);
  }
  text += Section(group, TwoColumns(rows));
  text += Section("global flags", TwoColumns(OptionRows(root, false)));
  return absl::StrCat(
      text,
      "\nTables are for people and may change; -o json and jsonl are for "
      "programs.\n"
      "Exit codes: 0 done, 1 local failure, 2 usage, 3 would block, 64+N the "
      "server's gRPC\nstatus N, 124 timeout, 130 Ctrl-C.\n"
      "More: farpoll help VERB\n");
}

std::string VerbHelp(const Verb& verb, const CLI::App& app) {
  const bool is_verb = app.get_name() == verb.name;
  std::string text = absl::StrCat(
      FullName(app), ": ",
      is_verb ? std::string(verb.summary) : app.get_description(), "\n\n",
      std::string(verb.examples), "\nusage: ", Usage(app), "\n");
  Rows below;
  for (const CLI::App* sub : Below(app)) {
    below.emplace_back(sub->get_name(), sub->get_description());
  }
  text += Section("verbs", TwoColumns(below));
  text += Section("arguments", TwoColumns(OptionRows(app, true)));
  text += Section("options", TwoColumns(OptionRows(app, false)));
  if (!verb.notes.empty()) {
    absl::StrAppend(&text, "\n", std::string(verb.notes), "\n");
  }
  return absl::StrCat(text, "\nGlobal flags: farpoll help\n");
}

}  // namespace farpoll::cli
