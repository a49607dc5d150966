// client/cli/choice_option.h: room: cli. An option that takes one of a few
// words.
#ifndef FARPOLL_CLIENT_CLI_CHOICE_OPTION_H_
#define FARPOLL_CLIENT_CLI_CHOICE_OPTION_H_

#include <string>
#include <utility>
#include <vector>

#include "client/cli/command.h"

namespace farpoll::cli {

template <typename Value>
using Choices = std::vector<std::pair<std::string, Value>>;

// Adds an option that sets `value`, which must outlive the parsing, to what
// stands beside the word given. Its type name is the words: "r|w|rw".
template <typename Value>
Argument AddChoice(Command command, const std::string& name, Value& value,
                   const Choices<Value>& choices,
                   const std::string& description) {
  std::vector<std::string> words;
  for (const auto& choice : choices) {
    words.push_back(choice.first);
  }
  const auto set = [&value, choices](const std::string& word) {
    for (const auto& choice : choices) {
      if (choice.first == word) {
        value = choice.second;
      }
    }
  };
  return command.Add(name, set, description).OneOf(words);
}

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_CHOICE_OPTION_H_
