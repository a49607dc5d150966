// client/cli/version.h: room: cli. The version of this program.
#ifndef FARPOLL_CLIENT_CLI_VERSION_H_
#define FARPOLL_CLIENT_CLI_VERSION_H_

namespace farpoll::cli {

inline constexpr char kVersion[] = "0.1.0";
// The wire contract that it speaks.
inline constexpr char kApi[] = "v1";

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_VERSION_H_
