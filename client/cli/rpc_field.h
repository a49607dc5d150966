// client/cli/rpc_field.h: room: cli. Sets one field of any message from text.
// Threads: pure.
#ifndef FARPOLL_CLIENT_CLI_RPC_FIELD_H_
#define FARPOLL_CLIENT_CLI_RPC_FIELD_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace farpoll::cli {

bool IsDuration(const google::protobuf::FieldDescriptor& field);

// "poll", "select": without the prefix that all values share, and without the
// unspecified one.
std::vector<std::string> EnumShortNames(
    const google::protobuf::EnumDescriptor& type);

// Sets "handle.name" to `text`; the rules are those of ApplyFlags.
//   Errors: UsageError, naming the flag and what it takes.
absl::Status SetField(absl::string_view path, absl::string_view text,
                      google::protobuf::Message& message);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_RPC_FIELD_H_
