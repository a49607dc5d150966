#include "tests/integration/any_call.h"

#include <grpcpp/generic/generic_stub.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "farpoll/v1/verb.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "gtest/gtest.h"

namespace farpoll {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr char kProtoFolder[] = "proto/farpoll/v1";
constexpr absl::Duration kPatience = absl::Seconds(30);

// Sets the field `session` of `message`, or of its `open`.
void NameSession(Message* message, const std::string& session) {
  const auto* const type = message->GetDescriptor();
  if (const FieldDescriptor* const field = type->FindFieldByName("session")) {
    message->GetReflection()->SetString(message, field, session);
  } else if (const FieldDescriptor* const open =
                 type->FindFieldByName("open")) {
    NameSession(message->GetReflection()->MutableMessage(message, open),
                session);
  }
}

grpc::ByteBuffer Serialize(const Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

std::vector<std::string> VerbsOf(const FieldDescriptor& field) {
  std::vector<std::string> verbs;
  for (int i = 0; i < field.options().ExtensionSize(v1::field_verb); ++i) {
    verbs.push_back(field.options().GetExtension(v1::field_verb, i));
  }
  return verbs;
}

// Calls `visit` with every field of `type` and of the messages in it, once;
// what is in a field is left out when `visit` returns false.
void Walk(const Descriptor& type, std::set<const Descriptor*>& seen,
          const std::function<bool(const FieldDescriptor&)>& visit) {
  if (!seen.insert(&type).second) {
    return;
  }
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (visit(field) && field.message_type() != nullptr) {
      Walk(*field.message_type(), seen, visit);
    }
  }
}

// Runs one step of a call; whether it worked.
class Steps {
 public:
  void* tag() { return this; }
  bool Done() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }
  grpc::CompletionQueue* queue() { return &queue_; }

 private:
  grpc::CompletionQueue queue_;
};

}  // namespace

std::vector<const MethodDescriptor*> AllMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const auto& entry : std::filesystem::directory_iterator(kProtoFolder)) {
    std::ifstream file(entry.path());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    if (!absl::StrContains(text, "\nservice ")) {
      continue;
    }
    const FileDescriptor* const linked =
        DescriptorPool::generated_pool()->FindFileByName(
            absl::StrCat("farpoll/v1/", entry.path().filename().string()));
    if (linked == nullptr) {
      ADD_FAILURE() << entry.path() << " is not part of this program";
      continue;
    }
    for (int s = 0; s < linked->service_count(); ++s) {
      for (int m = 0; m < linked->service(s)->method_count(); ++m) {
        methods.push_back(linked->service(s)->method(m));
      }
    }
  }
  EXPECT_FALSE(methods.empty());
  return methods;
}

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

std::vector<std::string> VerbsOfMethod(const MethodDescriptor& method) {
  std::vector<std::string> verbs;
  for (int i = 0; i < method.options().ExtensionSize(v1::method_verb); ++i) {
    verbs.push_back(method.options().GetExtension(v1::method_verb, i));
  }
  return verbs;
}

std::map<std::string, std::vector<std::string>> VerbFieldsOf(
    const Descriptor& type) {
  std::map<std::string, std::vector<std::string>> fields;
  std::set<const Descriptor*> seen;
  Walk(type, seen, [&fields](const FieldDescriptor& field) {
    if (std::vector<std::string> verbs = VerbsOf(field); !verbs.empty()) {
      fields.emplace(field.full_name(), std::move(verbs));
    }
    return true;
  });
  return fields;
}

std::vector<std::string> FreeBytesFieldsOf(const Descriptor& type) {
  std::vector<std::string> fields;
  std::set<const Descriptor*> seen;
  Walk(type, seen, [&fields](const FieldDescriptor& field) {
    if (!VerbsOf(field).empty()) {
      return false;
    }
    if (field.type() == FieldDescriptor::TYPE_BYTES) {
      fields.push_back(field.full_name());
    }
    return true;
  });
  return fields;
}

grpc::Status CallAny(const std::shared_ptr<grpc::Channel>& channel,
                     const MethodDescriptor& method,
                     const std::string& session) {
  google::protobuf::DynamicMessageFactory factory;
  const std::unique_ptr<Message> request(
      factory.GetPrototype(method.input_type())->New());
  NameSession(request.get(), session);
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  Steps steps;
  // Unary and streaming calls look the same on the wire.
  const auto call = stub.PrepareCall(&context, PathOf(method), steps.queue());
  call->StartCall(steps.tag());
  if (steps.Done()) {
    call->WriteLast(Serialize(*request), grpc::WriteOptions(), steps.tag());
    (void)steps.Done();
    grpc::ByteBuffer response;
    do {
      call->Read(&response, steps.tag());
    } while (steps.Done());
  }
  grpc::Status status;
  call->Finish(&status, steps.tag());
  (void)steps.Done();
  return status;
}

}  // namespace farpoll
