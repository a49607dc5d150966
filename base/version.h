// base/version.h: room: base. What both programs say they are.
#ifndef FARPOLL_BASE_VERSION_H_
#define FARPOLL_BASE_VERSION_H_

namespace farpoll {

// Of the programs and the library; semantic versioning.
inline constexpr char kVersion[] = "0.1.0";
// Of the wire contract: the last part of its package's name.
inline constexpr char kApiLevel[] = "v1";

}  // namespace farpoll

#endif  // FARPOLL_BASE_VERSION_H_
