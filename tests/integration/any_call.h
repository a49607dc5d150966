// tests/integration/any_call.h: room: tests. Every method of farpoll's
// services, and a call of any of them with one message.
#ifndef FARPOLL_TESTS_INTEGRATION_ANY_CALL_H_
#define FARPOLL_TESTS_INTEGRATION_ANY_CALL_H_

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace farpoll {

// All methods of all services in proto/farpoll/v1, by the files themselves: a
// new one cannot be forgotten. The test needs //proto:protos as data.
std::vector<const google::protobuf::MethodDescriptor*> AllMethods();

// "/farpoll.v1.HandleService/Read".
std::string PathOf(const google::protobuf::MethodDescriptor& method);

// The verbs that a call of `method` takes by the protocol (method_verb).
std::vector<std::string> VerbsOfMethod(
    const google::protobuf::MethodDescriptor& method);

// The verbs that fields of `type`, and of the messages in it, take by the
// protocol (field_verb), by the fields' full names.
std::map<std::string, std::vector<std::string>> VerbFieldsOf(
    const google::protobuf::Descriptor& type);

// Fields of `type` and of the messages in it that hold bytes, by their full
// names; those of which the protocol says that they stay empty without a verb
// are not looked at.
std::vector<std::string> FreeBytesFieldsOf(
    const google::protobuf::Descriptor& type);

// Calls `method` with an otherwise empty request that names `session`, wherever
// such a request names one; a stream is closed behind it.
grpc::Status CallAny(const std::shared_ptr<grpc::Channel>& channel,
                     const google::protobuf::MethodDescriptor& method,
                     const std::string& session);

}  // namespace farpoll

#endif  // FARPOLL_TESTS_INTEGRATION_ANY_CALL_H_
