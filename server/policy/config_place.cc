#include "server/policy/config_place.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

namespace pb = google::protobuf;

// The parser's words for a field that does not exist name its message; the
// fields that do exist help more.
std::string FieldsOf(const std::string& message) {
  if (!absl::StrContains(message, "has no field named")) {
    return "";
  }
  const std::vector<std::string> quoted = absl::StrSplit(message, '"');
  const pb::Descriptor* const known =
      pb::DescriptorPool::generated_pool()->FindMessageTypeByName(
          quoted.size() > 1 ? quoted[1] : "");
  if (known == nullptr) {
    return "";
  }
  std::vector<std::string> names;
  for (int i = 0; i < known->field_count(); ++i) {
    names.push_back(known->field(i)->name());
  }
  return absl::StrCat(" Expected one of ", absl::StrJoin(names, ", "), ".");
}

// The next column, as the parser counts: a tab ends at a multiple of 8.
int ColumnAfter(char c, int column) {
  constexpr int kTab = 8;
  return c == '\t' ? column + kTab - column % kTab : column + 1;
}

std::size_t OffsetOf(absl::string_view text, ConfigPlace::Location at) {
  std::size_t offset = 0;
  for (int line = 0; line < at.line; ++line) {
    offset = text.find('\n', offset) + 1;
  }
  for (int column = 0; column < at.column && offset < text.size(); ++offset) {
    column = ColumnAfter(text[offset], column);
  }
  return offset;
}

ConfigPlace::Location LocationOf(absl::string_view text, std::size_t offset) {
  ConfigPlace::Location at(0, 0);
  for (const char c : text.substr(0, offset)) {
    at = c == '\n' ? ConfigPlace::Location(at.line + 1, 0)
                   : ConfigPlace::Location(at.line, ColumnAfter(c, at.column));
  }
  return at;
}

// The word that the parser complains of when it has read it already; empty for
// other complaints.
std::string WordBefore(const std::string& message) {
  const std::vector<std::string> quoted = absl::StrSplit(message, '"');
  const bool names_it = absl::StrContains(message, "has no field named") ||
                        absl::StrContains(message, "Invalid value for boolean");
  if (names_it && quoted.size() > 3) {
    return quoted[3];
  }
  return absl::StrContains(message, "specified multiple times") &&
                 quoted.size() > 1
             ? quoted[1]
             : "";
}

}  // namespace

ConfigPlace::ConfigPlace(const pb::Message* message, const Tree* tree)
    : ConfigPlace(message, tree, Location(0, 0)) {}

ConfigPlace ConfigPlace::Nested(const std::string& field, int index) const {
  const pb::FieldDescriptor* const known =
      message_->GetDescriptor()->FindFieldByName(field);
  const pb::Reflection* const reflection = message_->GetReflection();
  return ConfigPlace(
      index < 0 ? &reflection->GetMessage(*message_, known)
                : &reflection->GetRepeatedMessage(*message_, known, index),
      tree_->GetTreeForNested(known, index), Of(field, index));
}

ConfigPlace::Location ConfigPlace::Of(const std::string& field,
                                      int index) const {
  const pb::FieldDescriptor* const known =
      message_->GetDescriptor()->FindFieldByName(field);
  if (!known->is_repeated()) {
    const Location at = tree_->GetLocation(known, -1);
    return at.line < 0 ? here_ : at;
  }
  // Of a list in brackets only the beginning has a place.
  for (const int candidate : {std::max(index, 0), 0}) {
    const Location at = tree_->GetLocation(known, candidate);
    if (at.line >= 0) {
      return at;
    }
  }
  return here_;
}

void ConfigFaults::AddError(int line, int column, const std::string& message) {
  ConfigPlace::Location at(std::max(line, 0), std::max(column, 0));
  if (const std::string word = WordBefore(message); !word.empty()) {
    const std::size_t end = OffsetOf(text_, at);
    const std::size_t found = text_.substr(0, end).rfind(word);
    at = found == text_.npos ? at : LocationOf(text_, found);
  }
  AddLine(at, absl::StrCat(message, FieldsOf(message)));
}

void ConfigFaults::AddLine(ConfigPlace::Location at, absl::string_view said) {
  lines_.push_back(
      absl::StrCat(file_, ":", at.line + 1, ":", at.column + 1, ": ", said));
}

void ConfigFaults::Add(const ConfigPlace& place, const std::string& field,
                       absl::string_view said, int index) {
  AddLine(place.Of(field, index), absl::StrCat(field, ": ", said));
}

bool ConfigFaults::Check(const absl::Status& status, const ConfigPlace& place,
                         const std::string& field, int index) {
  if (!status.ok()) {
    Add(place, field, status.message(), index);
  }
  return status.ok();
}

absl::Status ConfigFaults::status() const {
  return lines_.empty() ? absl::OkStatus()
                        : MakeError(EINVAL, "BAD_CONFIG", file_,
                                    absl::StrJoin(lines_, "\n"));
}

}  // namespace farpoll::server
