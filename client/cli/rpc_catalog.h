// client/cli/rpc_catalog.h: room: cli. Every RPC, as its proto describes it:
// names, comments, and requests made from flags or JSON. Nothing here knows a
// method by name.
// Threads: pure; the catalog is made once and never changes.
#ifndef FARPOLL_CLIENT_CLI_RPC_CATALOG_H_
#define FARPOLL_CLIENT_CLI_RPC_CATALOG_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/candidate.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/message.h"

namespace farpoll::cli {

class RpcCatalog {
 public:
  RpcCatalog();

  std::vector<const google::protobuf::ServiceDescriptor*> services() const;
  // By short or full name; null when there is none.
  const google::protobuf::ServiceDescriptor* FindService(
      absl::string_view name) const;

  // An empty message; it must go before the catalog.
  std::unique_ptr<google::protobuf::Message> NewMessage(
      const google::protobuf::Descriptor* type);

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  std::vector<std::string> service_names_;
};

// The comment above a service, method or field; may be empty.
template <typename Descriptor>
std::string CommentOf(const Descriptor* descriptor) {
  google::protobuf::SourceLocation location;
  return descriptor->GetSourceLocation(&location) ? location.leading_comments
                                                  : "";
}
// Its first sentence, on one line.
std::string FirstSentence(absl::string_view comment);

// "/farpoll.v1.HandleService/Read"
std::string PathOf(const google::protobuf::MethodDescriptor& method);

// What --FIELD flags a request takes.
struct FieldFlag {
  // "--handle.name"
  std::string flag;
  // "TEXT", "NUMBER", "DUR", "true|false", or the names of an enum.
  std::string type;
  std::string comment;
};
std::vector<FieldFlag> FieldFlagsOf(const google::protobuf::Descriptor& type);

// Sets fields from "--a.b VALUE" or "--a.b=VALUE" words. A repeated field gains
// an item by each flag; inside a repeated message, a field that is set already
// starts the next item. Enums go by short or full name, durations as 250ms, a
// whole message as JSON.
//   Errors: UsageError, naming the flag.
absl::Status ApplyFlags(const std::vector<std::string>& words,
                        google::protobuf::Message& message);

// Merges one JSON object into `message`.
//   Errors: UsageError with the parser's words.
absl::Status ApplyJson(absl::string_view json,
                       google::protobuf::Message& message);

// Whether `message` has a field called session that is still empty, in itself
// or in a message set in it.
bool LacksSession(const google::protobuf::Message& message);
void FillSession(const std::string& session,
                 google::protobuf::Message& message);

// Completion: SERVICE, METHOD (of arguments[0]) and FIELD (of arguments[1]).
std::vector<Candidate> RpcCandidates(const std::string& type,
                                     const std::vector<std::string>& arguments);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_RPC_CATALOG_H_
