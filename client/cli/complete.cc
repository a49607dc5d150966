#include "client/cli/complete.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace farpoll::cli {
namespace {

// Where a command line stands after its words but the last.
struct Place {
  const CLI::App* app;
  // The option whose value comes next; null when none.
  const CLI::Option* pending = nullptr;
  std::vector<std::string> arguments;
};

// Looks upward, as global flags may stand anywhere.
const CLI::Option* OptionNamed(const CLI::App& app, const std::string& name) {
  const CLI::Option* option = app.get_option_no_throw(name);
  if (option == nullptr && app.get_parent() != nullptr) {
    return OptionNamed(*app.get_parent(), name);
  }
  return option;
}

Place Walk(const CLI::App& root, const std::vector<std::string>& words) {
  Place place = {&root, nullptr, {}};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (place.pending != nullptr) {
      place.pending = nullptr;
    } else if (absl::StartsWith(word, "-")) {
      const CLI::Option* option = OptionNamed(*place.app, word);
      if (option != nullptr && option->get_items_expected_max() > 0) {
        place.pending = option;
      }
    } else if (const CLI::App* sub = FindBelow(*place.app, word)) {
      place.app = sub;
    } else {
      place.arguments.push_back(word);
    }
  }
  return place;
}

// The positional option that stands at `index`; the last one may repeat.
const CLI::Option* PositionalAt(const CLI::App& app, std::size_t index) {
  const CLI::Option* last = nullptr;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) {
      continue;
    }
    last = option;
    if (index == 0) {
      return option;
    }
    --index;
  }
  const bool repeats = last != nullptr && last->get_items_expected_max() > 1;
  return repeats ? last : nullptr;
}

void AddFlags(const CLI::App& app, std::vector<Candidate>& candidates) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      candidates.push_back(
          {absl::StrCat("--", name), option->get_description()});
    }
  }
}

// HANDLE:BITS: handles first, then what can be asked of the one chosen.
std::vector<Candidate> SpecValues(const std::string& word, const Place& place,
                                  const ValuesOf& values_of) {
  std::vector<Candidate> candidates;
  const std::size_t colon = word.find(':');
  if (colon != word.npos) {
    const std::string handle = word.substr(0, colon);
    return {{handle + ":r", "read"},
            {handle + ":w", "write"},
            {handle + ":rw", "read or write"},
            {handle + ":p", "priority"}};
  }
  for (const Candidate& handle : values_of("HANDLE", place.arguments)) {
    candidates.push_back({handle.text + ":r", handle.description});
    candidates.push_back({handle.text + ":w", handle.description});
  }
  for (const Candidate& selector : values_of("SELECTOR", place.arguments)) {
    candidates.push_back(selector);
  }
  return candidates;
}

std::vector<Candidate> ValuesFor(const Grammar& grammar,
                                 const CLI::Option& option,
                                 const std::string& word, const Place& place,
                                 const ValuesOf& values_of) {
  const std::string type = option.get_type_name();
  if (type == "VERB") {
    std::vector<Candidate> verbs;
    for (const Verb& verb : grammar.verbs) {
      verbs.push_back({std::string(verb.name), std::string(verb.summary)});
    }
    return verbs;
  }
  if (type == "SPEC") {
    return SpecValues(word, place, values_of);
  }
  const bool choices =
      absl::StrContains(type, '|') &&
      std::none_of(type.begin(), type.end(), absl::ascii_isupper);
  if (choices) {
    std::vector<Candidate> values;
    for (const absl::string_view choice : absl::StrSplit(type, '|')) {
      values.push_back({std::string(choice), ""});
    }
    return values;
  }
  return values_of(type, place.arguments);
}

std::vector<Candidate> AllAt(const Grammar& grammar, const Place& place,
                             const std::string& word,
                             const ValuesOf& values_of) {
  if (place.pending != nullptr) {
    return ValuesFor(grammar, *place.pending, word, place, values_of);
  }
  std::vector<Candidate> candidates;
  if (absl::StartsWith(word, "-")) {
    if (place.app->get_allow_extras() && place.app != grammar.root.get()) {
      candidates = values_of("FIELD", place.arguments);
    }
    AddFlags(*place.app, candidates);
    if (place.app != grammar.root.get()) {
      AddFlags(*grammar.root, candidates);
    }
    return candidates;
  }
  for (const CLI::App* sub : place.app->get_subcommands(
           [](const CLI::App* app) { return !app->get_group().empty(); })) {
    candidates.push_back({sub->get_name(), sub->get_description()});
  }
  const CLI::Option* positional =
      PositionalAt(*place.app, place.arguments.size());
  if (candidates.empty() && positional != nullptr) {
    return ValuesFor(grammar, *positional, word, place, values_of);
  }
  return candidates;
}

}  // namespace

std::vector<Candidate> Complete(const Grammar& grammar,
                                const std::vector<std::string>& words,
                                const ValuesOf& values_of) {
  const std::string word = words.empty() ? "" : words.back();
  const Place place = Walk(*grammar.root, words);
  std::vector<Candidate> fitting;
  for (Candidate& candidate : AllAt(grammar, place, word, values_of)) {
    if (absl::StartsWith(candidate.text, word)) {
      fitting.push_back(std::move(candidate));
    }
  }
  return fitting;
}

}  // namespace farpoll::cli
