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
  const Location at =
      tree_->GetLocation(known, known->is_repeated() ? std::max(index, 0) : -1);
  return at.line < 0 ? here_ : at;
}

void ConfigFaults::AddError(int line, int column, const std::string& message) {
  lines_.push_back(absl::StrCat(file_, ":", std::max(line, 0) + 1, ":",
                                std::max(column, 0) + 1, ": ", message,
                                FieldsOf(message)));
}

void ConfigFaults::Add(const ConfigPlace& place, const std::string& field,
                       absl::string_view said, int index) {
  const ConfigPlace::Location at = place.Of(field, index);
  AddError(at.line, at.column, absl::StrCat(field, ": ", said));
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
