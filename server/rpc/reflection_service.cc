#include "server/rpc/reflection_service.h"

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "server/rpc/convert.h"
#include "server/rpc/gate.h"

namespace farpoll::server {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1alpha::ErrorResponse;
using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
using Response = grpc::reflection::v1alpha::ServerReflectionResponse;

// Appends `file` and all that it imports, each once.
void AppendFiles(const FileDescriptor* file,
                 std::set<const FileDescriptor*>* seen,
                 grpc::reflection::v1alpha::FileDescriptorResponse* files) {
  if (!seen->insert(file).second) {
    return;
  }
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  files->add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file->dependency_count(); ++i) {
    AppendFiles(file->dependency(i), seen, files);
  }
}

void AnswerFile(const FileDescriptor* file, const std::string& name,
                Response* response) {
  if (file == nullptr) {
    ErrorResponse* const error = response->mutable_error_response();
    error->set_error_code(grpc::StatusCode::NOT_FOUND);
    error->set_error_message("there is no " + name);
    return;
  }
  std::set<const FileDescriptor*> seen;
  AppendFiles(file, &seen, response->mutable_file_descriptor_response());
}

// One stream: answers a request, then reads the next. It has one operation in
// progress at a time, so its messages need no lock.
class ReflectionStream final
    : public grpc::ServerBidiReactor<Request, Response> {
 public:
  ReflectionStream(const absl::Status& let_in,
                   const std::vector<std::string>* services)
      : services_(*services) {
    if (let_in.ok()) {
      StartRead(&request_);
    } else {
      Finish(ToGrpc(let_in));
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    response_ = Reflect(services_, request_);
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&request_);
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

 private:
  const std::vector<std::string>& services_;
  Request request_;
  Response response_;
};

}  // namespace

Response Reflect(const std::vector<std::string>& services,
                 const Request& request) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      AnswerFile(pool.FindFileByName(request.file_by_filename()),
                 "file " + request.file_by_filename(), &response);
      break;
    case Request::kFileContainingSymbol:
      AnswerFile(
          pool.FindFileContainingSymbol(request.file_containing_symbol()),
          "symbol " + request.file_containing_symbol(), &response);
      break;
    case Request::kListServices:
      for (const std::string& service : services) {
        response.mutable_list_services_response()->add_service()->set_name(
            service);
      }
      break;
    case Request::kAllExtensionNumbersOfType:
      if (pool.FindMessageTypeByName(request.all_extension_numbers_of_type()) !=
          nullptr) {
        response.mutable_all_extension_numbers_response()->set_base_type_name(
            request.all_extension_numbers_of_type());
        break;
      }
      AnswerFile(nullptr, "message " + request.all_extension_numbers_of_type(),
                 &response);
      break;
    case Request::kFileContainingExtension:
      AnswerFile(nullptr, "extension", &response);
      break;
    case Request::MESSAGE_REQUEST_NOT_SET: {
      ErrorResponse* const error = response.mutable_error_response();
      error->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
      error->set_error_message("the request asks for nothing");
      break;
    }
  }
  return response;
}

grpc::ServerBidiReactor<Request, Response>*
ReflectionService::ServerReflectionInfo(grpc::CallbackServerContext* context) {
  return new ReflectionStream(CallContext::CallerOf(context).status(),
                              &services_);
}

}  // namespace farpoll::server
