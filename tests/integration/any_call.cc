#include "tests/integration/any_call.h"

#include <grpcpp/generic/generic_stub.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/dynamic_message.h"
#include "gtest/gtest.h"

namespace farpoll {
namespace {

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
