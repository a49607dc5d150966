// tests/fuzz/rpc_fuzz.cc: room: tests. Any calls, in any order, through the
// gate into a server that has handles: none may end it, leak, or be refused
// without a reason.
//
// An input is a Script (rpc_script.proto) as a text proto. Each runs in a
// session of its own that has a pipe (in, out), a pair of sockets (a, b), a
// counter, a timer and a selector of each kind (poll, kqueue).
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "farpoll/v1/error.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "server/policy/config.h"
#include "server/policy/policy.h"
#include "server/server.h"
#include "tests/fuzz/claim.h"
#include "tests/fuzz/message_mutator.h"
#include "tests/fuzz/rpc_script.pb.h"
#include "tests/support/fd_count.h"
#include "tests/support/temporary_folder.h"

namespace farpoll::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// Of a call that waits.
constexpr absl::Duration kShort = absl::Milliseconds(3);
// Connections, clocks and such that come and go beside the handles.
constexpr int kSpareDescriptors = 24;
constexpr int kInputsBetweenCounts = 200;
constexpr int kMostCalls = 60;
// Stands for the folder that may be used.
constexpr char kFolder[] = "FOLDER";

// The method of each request type, and all in a row.
struct Methods {
  std::map<std::string, const MethodDescriptor*> by_request;
  std::vector<const MethodDescriptor*> all;
};

Methods FindMethods() {
  Methods methods;
  for (const char* const name :
       {"HandleService", "ObserverService", "SelectorService", "ServerService",
        "SessionService"}) {
    const auto* const service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            absl::StrCat("farpoll.v1.", name));
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor* const method = service->method(i);
      methods.by_request[method->input_type()->full_name()] = method;
      methods.all.push_back(method);
    }
  }
  // A new method needs a field in Call.
  const auto& requests = *Call::descriptor()->oneof_decl(0);
  if (requests.field_count() != static_cast<int>(methods.all.size()) + 1) {
    Fail("rpc_script.proto does not have all requests");
  }
  return methods;
}

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

bool IsStream(const MethodDescriptor& method) {
  return method.client_streaming() || method.server_streaming();
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (buffer.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  return bytes;
}

// An operation on the completion queue.
struct Operation {
  bool done = false;
  bool good = false;
};

class Queue {
 public:
  grpc::CompletionQueue* get() { return &queue_; }

  // Whether `operation` is done by then.
  bool Await(const Operation& operation, absl::Duration patience) {
    const auto deadline = absl::ToChronoTime(absl::Now() + patience);
    while (!operation.done) {
      void* tag = nullptr;
      bool good = false;
      if (queue_.AsyncNext(&tag, &good, deadline) !=
          grpc::CompletionQueue::GOT_EVENT) {
        return false;
      }
      *static_cast<Operation*>(tag) = {.done = true, .good = good};
    }
    return true;
  }
  void MustEnd(const Operation& operation) {
    if (!Await(operation, kPatience)) {
      Fail("a call does not end");
    }
  }

 private:
  grpc::CompletionQueue queue_;
};

// A stream of one method.
class Stream {
 public:
  Stream(Queue* queue, grpc::GenericStub* stub, const std::string& path)
      : queue_(*queue),
        call_(stub->PrepareCall(&context_, path, queue->get())) {
    call_->StartCall(&started_);
    queue_.MustEnd(started_);
  }
  ~Stream() {
    context_.TryCancel();
    if (reading_) {
      queue_.MustEnd(read_);
    }
    Operation finished;
    grpc::Status status;
    call_->Finish(&status, &finished);
    queue_.MustEnd(finished);
    if (status.error_code() == grpc::UNKNOWN) {
      Fail("a stream ends with UNKNOWN");
    }
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void Write(const std::string& bytes) {
    Operation written;
    call_->Write(ToBuffer(bytes), &written);
    queue_.MustEnd(written);
    if (!reading_ || read_.done) {
      reading_ = true;
      read_ = {};
      call_->Read(&answer_, &read_);
    }
    queue_.Await(read_, absl::Milliseconds(1));
  }

 private:
  Queue& queue_;
  grpc::ClientContext context_;
  Operation started_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool reading_ = false;
  Operation read_;
  grpc::ByteBuffer answer_;
};

class Host {
 public:
  Host() {
    const auto spec = server::ParseConfig(
        absl::StrCat("mode: 'system' grant { name: 'fuzz' to { anyone: true }"
                     " verb: ['listen', 'connect', 'open']"
                     " unix_socket { abstract_prefix: 'farpoll-fuzz' }"
                     " root { path: '",
                     folder_.path(), "' write: true } }"),
        "fuzz", getuid());
    if (!spec.ok()) {
      Fail(spec.status().ToString());
    }
    auto server = server::Server::Start(
        {.listen = {"unix:" + folder_.path() + "/s"},
         .policy = std::make_shared<server::Policy>(*spec),
         .passing = false});
    if (!server.ok()) {
      Fail(server.status().ToString());
    }
    server_ = *std::move(server);
    stub_ = std::make_unique<grpc::GenericStub>(grpc::CreateChannel(
        server_->addresses().front(), grpc::InsecureChannelCredentials()));
  }

  const std::string& folder() const { return folder_.path(); }
  const Methods& methods() const { return methods_; }

  std::unique_ptr<Stream> Open(const MethodDescriptor& method) {
    return std::make_unique<Stream>(&queue_, stub_.get(), PathOf(method));
  }

  // The answer's bytes; `status` takes how the call ended.
  std::string Unary(const MethodDescriptor& method, const std::string& request,
                    absl::Duration patience, grpc::Status* status) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
    const grpc::ByteBuffer sent = ToBuffer(request);
    grpc::ByteBuffer received;
    const auto call =
        stub_->PrepareUnaryCall(&context, PathOf(method), sent, queue_.get());
    Operation finished;
    call->StartCall();
    call->Finish(&received, status, &finished);
    queue_.MustEnd(finished);
    return status->ok() ? ToString(received) : "";
  }

  // A call that nothing may go wrong with.
  template <class Response, class Request>
  Response Must(const Request& request) {
    grpc::Status status;
    Response response;
    const MethodDescriptor& method =
        *methods_.by_request.at(Request::descriptor()->full_name());
    response.ParseFromString(
        Unary(method, request.SerializeAsString(), kPatience, &status));
    if (!status.ok()) {
      Fail(absl::StrCat(method.name(), ": ", status.error_message()));
    }
    return response;
  }

  // All sessions end, and take what was in them along.
  void EndAll() {
    const auto list = Must<v1::ListSessionsResponse>(v1::ListSessionsRequest());
    for (const auto& session : list.sessions()) {
      v1::DeleteSessionRequest request;
      request.set_session(absl::StrCat(session.id()));
      // One with a short lease may have ended just now.
      grpc::Status status;
      (void)Unary(*methods_.by_request.at(
                      v1::DeleteSessionRequest::descriptor()->full_name()),
                  request.SerializeAsString(), kPatience, &status);
    }
    AwaitEmpty();
    if (++inputs_ % kInputsBetweenCounts == 0) {
      AwaitDescriptors(descriptors_ + kSpareDescriptors);
    }
  }

 private:
  // What a child or a blocked close still holds goes a moment later.
  void AwaitEmpty() {
    const absl::Time end = absl::Now() + kPatience;
    for (;;) {
      const auto left = Must<v1::GetServerResponse>(v1::GetServerRequest());
      if (left.sessions() == 0 && left.handles() == 0) {
        return;
      }
      if (absl::Now() > end) {
        Fail(absl::StrCat("left behind: sessions ", left.sessions(),
                          ", handles ", left.handles()));
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  TemporaryFolder folder_;
  const Methods methods_ = FindMethods();
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<grpc::GenericStub> stub_;
  Queue queue_;
  std::int64_t inputs_ = 0;
  const int descriptors_ = CountOpenDescriptors();
};

// Lives until the program ends.
Host& TheHost() {
  static Host* const host = new Host();
  return *host;
}

// Objects that answers told of.
struct Known {
  std::string session;
  std::vector<std::int64_t> handles;
  std::vector<std::int64_t> selectors;
};

// Learns the ids of objects in an answer.
void Learn(Message* answer, Known* known) {
  for (Message* const message : AllMessagesIn(answer)) {
    if (const auto* const handle = dynamic_cast<v1::Handle*>(message)) {
      known->handles.push_back(handle->id());
    } else if (const auto* const selector =
                   dynamic_cast<v1::Selector*>(message)) {
      known->selectors.push_back(selector->id());
    }
  }
}

// The id that a small number stands for; one in eight stays.
std::int64_t Meant(std::int64_t id, const std::vector<std::int64_t>& ids) {
  if (ids.empty() || id % 8 == 7) {
    return id;
  }
  return ids[static_cast<std::uint64_t>(id) % ids.size()];
}

// Lets the request mean this session, its objects and the folder.
void Aim(Message* request, const Known& known) {
  for (Message* const message : AllMessagesIn(request)) {
    if (auto* const handle = dynamic_cast<v1::HandleRef*>(message);
        handle != nullptr && handle->has_id()) {
      handle->set_id(Meant(handle->id(), known.handles));
    } else if (auto* const selector = dynamic_cast<v1::SelectorRef*>(message);
               selector != nullptr && selector->has_id()) {
      selector->set_id(Meant(selector->id(), known.selectors));
    } else if (auto* const kevent = dynamic_cast<v1::Kevent*>(message)) {
      kevent->set_ident(static_cast<std::uint64_t>(
          Meant(static_cast<std::int64_t>(kevent->ident()), known.handles)));
    }
    for (const char* const name : {"session", "path"}) {
      const FieldDescriptor* const field =
          message->GetDescriptor()->FindFieldByName(name);
      if (field == nullptr || field->is_repeated() ||
          field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
        continue;
      }
      const auto* const reflection = message->GetReflection();
      const std::string old = reflection->GetString(*message, field);
      if (absl::string_view(name) == "session") {
        reflection->SetString(message, field, known.session);
      } else if (absl::StartsWith(old, kFolder)) {
        reflection->SetString(
            message, field,
            TheHost().folder() + old.substr(sizeof kFolder - 1));
      }
    }
  }
}

void CheckRefusal(const MethodDescriptor& method, const grpc::Status& status,
                  bool is_message) {
  switch (status.error_code()) {
    case grpc::OK:
    case grpc::DEADLINE_EXCEEDED:
    case grpc::CANCELLED:
      return;
    case grpc::INTERNAL:
    case grpc::UNKNOWN:
      Fail(absl::StrCat(method.name(), ": code ", status.error_code(), ", ",
                        status.error_message()));
    default:
      // Of bytes that are no message gRPC itself says UNIMPLEMENTED.
      if (status.error_details().empty() && is_message) {
        Fail(absl::StrCat(method.name(), " is refused without details: ",
                          status.error_message()));
      }
  }
}

class Play {
 public:
  Play() {
    v1::CreateSessionRequest session;
    known_.session = absl::StrCat(
        TheHost().Must<v1::CreateSessionResponse>(session).session().id());
    Script furniture;
    const bool good = google::protobuf::TextFormat::ParseFromString(
        R"pb(
          calls { create_pipe { reader_name: "in" writer_name: "out" } }
          calls { create_socket_pair { first_name: "a" second_name: "b" } }
          calls { create_counter { name: "counter" } }
          calls { create_timer { name: "timer" } }
          calls { create_selector { name: "poll" kind: SELECTOR_KIND_POLL } }
          calls {
            create_selector { name: "kqueue" kind: SELECTOR_KIND_KQUEUE }
          }
        )pb",
        &furniture);
    if (!good) {
      Fail("the furniture is no Script");
    }
    for (const Call& call : furniture.calls()) {
      Do(call);
    }
  }
  ~Play() {
    streams_.clear();
    TheHost().EndAll();
  }

  void Do(const Call& call) {
    const Methods& methods = TheHost().methods();
    if (call.request_case() == Call::kBytes) {
      DoBytes(*methods.all[call.bytes().method() % methods.all.size()],
              call.bytes().bytes(), false);
      return;
    }
    const FieldDescriptor* const field =
        call.GetReflection()->GetOneofFieldDescriptor(
            call, Call::descriptor()->oneof_decl(0));
    if (field == nullptr) {
      return;
    }
    const Message& written = call.GetReflection()->GetMessage(call, field);
    const std::unique_ptr<Message> request(written.New());
    request->CopyFrom(written);
    Aim(request.get(), known_);
    DoBytes(*methods.by_request.at(field->message_type()->full_name()),
            request->SerializeAsString(), true);
  }

 private:
  void DoBytes(const MethodDescriptor& method, const std::string& bytes,
               bool is_message) {
    if (IsStream(method)) {
      auto& stream = streams_[&method];
      if (stream == nullptr) {
        stream = TheHost().Open(method);
      }
      stream->Write(bytes);
      return;
    }
    const bool waits = method.name() == "Poll" || method.name() == "Select" ||
                       method.name() == "Control";
    grpc::Status status;
    const std::string answer =
        TheHost().Unary(method, bytes, waits ? kShort : kPatience, &status);
    if (!waits && status.error_code() == grpc::DEADLINE_EXCEEDED) {
      Fail(absl::StrCat(method.name(), " does not answer"));
    }
    CheckRefusal(method, status, is_message);
    const std::unique_ptr<Message> response(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(method.output_type())
            ->New());
    if (status.ok() && response->ParseFromString(answer)) {
      Learn(response.get(), &known_);
    }
  }

  Known known_;
  std::map<const MethodDescriptor*, std::unique_ptr<Stream>> streams_;
};

// Says nothing about text that is no Script.
class NoErrors : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
};

bool ReadScript(const std::uint8_t* bytes, std::size_t size, Script* script) {
  NoErrors errors;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.SetRecursionLimit(20);
  return parser.ParseFromString(
      std::string(reinterpret_cast<const char*>(bytes), size), script);
}

std::size_t WriteScript(const Script& script, std::uint8_t* bytes,
                        std::size_t max_size) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(script, &text);
  if (text.size() > max_size) {
    return 0;
  }
  text.copy(reinterpret_cast<char*>(bytes), text.size());
  return text.size();
}

MessageMutator MutatorOf(unsigned seed) {
  return MessageMutator(seed, {"in",
                               "out",
                               "a",
                               "b",
                               "counter",
                               "timer",
                               "poll",
                               "kqueue",
                               "POLL",
                               "SELECT",
                               "KQUEUE",
                               "name",
                               "",
                               "FOLDER/file",
                               "FOLDER/../x",
                               "FOLDER//",
                               "/etc/passwd",
                               "unix:@farpoll-fuzz",
                               "127.0.0.1:1",
                               "[::1]:0",
                               "1-1-1",
                               "0"});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes,
                                      std::size_t size) {
  Script script;
  if (!ReadScript(bytes, size, &script) || script.calls_size() > kMostCalls) {
    return 0;
  }
  Play play;
  for (const Call& call : script.calls()) {
    play.Do(call);
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes,
                                               std::size_t size,
                                               std::size_t max_size,
                                               unsigned seed) {
  Script script;
  if (!ReadScript(bytes, size, &script)) {
    script.Clear();
  }
  MutatorOf(seed).Mutate(&script);
  return WriteScript(script, bytes, max_size);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(
    const std::uint8_t* first, std::size_t first_size,
    const std::uint8_t* second, std::size_t second_size, std::uint8_t* out,
    std::size_t max_size, unsigned seed) {
  Script script;
  Script other;
  if (!ReadScript(first, first_size, &script) ||
      !ReadScript(second, second_size, &other)) {
    return 0;
  }
  MutatorOf(seed).Splice(Script::descriptor()->FindFieldByName("calls"), other,
                         &script);
  return WriteScript(script, out, max_size);
}

}  // namespace farpoll::fuzz
