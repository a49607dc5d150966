#include "client/cli/command.h"

#include "CLI/CLI.hpp"

namespace farpoll::cli {
namespace {

// CLI11 would call it TEXT or INT.
Argument WithoutType(CLI::Option* option) {
  return Argument(option->type_name(""));
}

}  // namespace

Argument Argument::Type(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Argument Argument::Required() {
  option_->required();
  return *this;
}

// A validator's description would be added to the type's name.
Argument Argument::Positive() {
  option_->check(CLI::Validator(CLI::PositiveNumber).description(""));
  return *this;
}

Argument Argument::NotNegative() {
  option_->check(CLI::Validator(CLI::NonNegativeNumber).description(""));
  return *this;
}

Argument Argument::OneOf(const std::vector<std::string>& words) {
  option_->check(CLI::IsMember(words).description(""))
      ->type_name(CLI::detail::join(words, "|"));
  return *this;
}

Argument Argument::AtMost(int count) {
  option_->expected(0, count);
  return *this;
}

Argument Argument::OneEachTime() {
  option_->allow_extra_args(false);
  return *this;
}

Argument Argument::Excludes(const Argument& other) {
  option_->excludes(other.option_);
  return *this;
}

bool Argument::given() const { return option_->count() > 0; }

Argument Command::Add(const std::string& name, std::string& value,
                      const std::string& description) {
  return WithoutType(app_->add_option(name, value, description));
}

Argument Command::Add(const std::string& name, std::vector<std::string>& value,
                      const std::string& description) {
  return WithoutType(app_->add_option(name, value, description));
}

Argument Command::Add(const std::string& name, std::int32_t& value,
                      const std::string& description) {
  return WithoutType(app_->add_option(name, value, description));
}

Argument Command::Add(const std::string& name, std::int64_t& value,
                      const std::string& description) {
  return WithoutType(app_->add_option(name, value, description));
}

Argument Command::Add(const std::string& name, std::uint64_t& value,
                      const std::string& description) {
  return WithoutType(app_->add_option(name, value, description));
}

Argument Command::Add(const std::string& name,
                      const std::function<void(const std::string&)>& set,
                      const std::string& description) {
  return WithoutType(
      app_->add_option_function<std::string>(name, set, description));
}

Argument Command::Add(const std::string& name,
                      const std::function<void(const std::uint64_t&)>& set,
                      const std::string& description) {
  return WithoutType(
      app_->add_option_function<std::uint64_t>(name, set, description));
}

Argument Command::AddFlag(const std::string& name, bool& value,
                          const std::string& description) {
  return Argument(app_->add_flag(name, value, description));
}

Argument Command::AddFlag(const std::string& name,
                          const std::function<void()>& set,
                          const std::string& description) {
  return Argument(app_->add_flag_callback(name, set, description));
}

Command Command::AddCommand(const std::string& name,
                            const std::string& description) {
  return Command(app_->add_subcommand(name, description));
}

void Command::Hide() { app_->group(""); }

void Command::RemoveHelpFlag() { app_->set_help_flag(); }

void Command::AllowUnknown() { app_->allow_extras(); }

bool Command::given() const { return app_->parsed(); }

// Unknown flags fall through to the program.
std::vector<std::string> Command::unknown() const {
  return app_->get_parent()->remaining();
}

}  // namespace farpoll::cli
