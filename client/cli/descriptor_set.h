// client/cli/descriptor_set.h: room: cli. The protos of farpoll.v1 as protoc
// read them, comments included: what makes every RPC callable by name.
#ifndef FARPOLL_CLIENT_CLI_DESCRIPTOR_SET_H_
#define FARPOLL_CLIENT_CLI_DESCRIPTOR_SET_H_

#include "absl/strings/string_view.h"

namespace farpoll::cli {

// A serialized google.protobuf.FileDescriptorSet, in order of dependence.
absl::string_view DescriptorSet();

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_DESCRIPTOR_SET_H_
