// tests/integration/wait_client.cc: room: tests. A client to be killed: opens a
// Wait and says so.
//
//   wait_client ADDRESS SESSION SELECTOR    SELECTOR: its name or id
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <iostream>

#include "absl/strings/numbers.h"
#include "farpoll/v1/selector.grpc.pb.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: wait_client ADDRESS SESSION SELECTOR\n";
    return 2;
  }
  const auto stub = farpoll::v1::SelectorService::NewStub(
      grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->Wait(&context);
  farpoll::v1::WaitRequest request;
  request.mutable_open()->set_session(argv[2]);
  std::int64_t id = 0;
  if (absl::SimpleAtoi(argv[3], &id)) {
    request.mutable_open()->mutable_selector()->set_id(id);
  } else {
    request.mutable_open()->mutable_selector()->set_name(argv[3]);
  }
  request.mutable_open()->set_credits(1);
  stream->Write(request);
  stream->WaitForInitialMetadata();
  std::cout << "waiting" << std::endl;
  farpoll::v1::WaitResponse response;
  while (stream->Read(&response)) {
    std::cout << "result " << response.sequence() << std::endl;
  }
  const grpc::Status status = stream->Finish();
  std::cout << "ended " << status.error_code() << std::endl;
  return 0;
}
