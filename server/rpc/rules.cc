#include "server/rpc/rules.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "farpoll/v1/handle.pb.h"
#include "farpoll/v1/observer.pb.h"
#include "farpoll/v1/selector.pb.h"
#include "farpoll/v1/server.pb.h"
#include "farpoll/v1/session.pb.h"
#include "farpoll/v1/verb.pb.h"
#include "google/protobuf/descriptor.h"

namespace farpoll::server {
namespace {

// Empty unless the policy knows them all.
std::vector<Verb> VerbsIn(const google::protobuf::MethodDescriptor& method) {
  std::vector<Verb> verbs;
  const google::protobuf::MethodOptions& options = method.options();
  for (int i = 0; i < options.ExtensionSize(v1::method_verb); ++i) {
    const absl::StatusOr<Verb> verb =
        ParseVerb(options.GetExtension(v1::method_verb, i));
    if (!verb.ok()) {
      return {};
    }
    verbs.push_back(*verb);
  }
  return verbs;
}

}  // namespace

Rules::Rules() {
  rules_.emplace(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      std::vector<Verb>{Verb::kInspect});
  // A message of each file with services names the file.
  for (const google::protobuf::Descriptor* const message :
       {v1::Session::descriptor(), v1::Handle::descriptor(),
        v1::Selector::descriptor(), v1::ObservedHandle::descriptor(),
        v1::Limit::descriptor()}) {
    const google::protobuf::FileDescriptor& file = *message->file();
    for (int s = 0; s < file.service_count(); ++s) {
      const google::protobuf::ServiceDescriptor& service = *file.service(s);
      for (int m = 0; m < service.method_count(); ++m) {
        std::vector<Verb> verbs = VerbsIn(*service.method(m));
        if (!verbs.empty()) {
          rules_.emplace(absl::StrCat("/", service.full_name(), "/",
                                      service.method(m)->name()),
                         std::move(verbs));
        }
      }
    }
  }
}

}  // namespace farpoll::server
