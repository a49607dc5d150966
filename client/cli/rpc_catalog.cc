#include "client/cli/rpc_catalog.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/cli/descriptor_set.h"
#include "client/cli/failure.h"
#include "client/cli/rpc_field.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/util/json_util.h"

namespace farpoll::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::Reflection;
using google::protobuf::ServiceDescriptor;

// Messages in messages in messages: deeper than this no flag goes.
constexpr int kDeepestFlag = 5;

std::string TypeOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true|false";
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES ? "BYTES" : "TEXT";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrJoin(EnumShortNames(*field.enum_type()), "|");
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return IsDuration(field) ? "DUR" : "JSON";
    default:
      return "NUMBER";
  }
}

void AddFieldFlags(const Descriptor& type, const std::string& prefix, int depth,
                   std::vector<FieldFlag>& flags) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string flag = prefix + field.name();
    const bool message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                         !IsDuration(field);
    if (!message || field.is_repeated()) {
      flags.push_back({flag, TypeOf(field), FirstSentence(CommentOf(&field))});
    }
    if (message && depth < kDeepestFlag) {
      AddFieldFlags(*field.message_type(), flag + ".", depth + 1, flags);
    }
  }
}

// The field called session, when it is text.
const FieldDescriptor* SessionField(const Message& message) {
  const FieldDescriptor* field =
      message.GetDescriptor()->FindFieldByName("session");
  const bool text = field != nullptr && !field->is_repeated() &&
                    field->type() == FieldDescriptor::TYPE_STRING;
  return text ? field : nullptr;
}

std::vector<const FieldDescriptor*> MessagesSetIn(const Message& message) {
  std::vector<const FieldDescriptor*> set;
  std::vector<const FieldDescriptor*> found;
  message.GetReflection()->ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        !field->is_repeated()) {
      found.push_back(field);
    }
  }
  return found;
}

}  // namespace

RpcCatalog::RpcCatalog() : factory_(&pool_) {
  google::protobuf::FileDescriptorSet files;
  if (!files.ParseFromString(std::string(DescriptorSet()))) {
    return;
  }
  for (const google::protobuf::FileDescriptorProto& file : files.file()) {
    const google::protobuf::FileDescriptor* built = pool_.BuildFile(file);
    for (int i = 0; built != nullptr && i < built->service_count(); ++i) {
      service_names_.push_back(built->service(i)->full_name());
    }
  }
}

std::vector<const ServiceDescriptor*> RpcCatalog::services() const {
  std::vector<const ServiceDescriptor*> services;
  for (const std::string& name : service_names_) {
    services.push_back(pool_.FindServiceByName(name));
  }
  return services;
}

const ServiceDescriptor* RpcCatalog::FindService(absl::string_view name) const {
  for (const ServiceDescriptor* service : services()) {
    if (service->name() == name || service->full_name() == name) {
      return service;
    }
  }
  return nullptr;
}

std::unique_ptr<Message> RpcCatalog::NewMessage(const Descriptor* type) {
  return std::unique_ptr<Message>(factory_.GetPrototype(type)->New());
}

std::string FirstSentence(absl::string_view comment) {
  const std::string line = absl::StrReplaceAll(
      std::string(absl::StripAsciiWhitespace(comment)), {{"\n ", " "}});
  const std::size_t end = line.find(". ");
  const std::size_t newline = line.find('\n');
  return std::string(
      absl::StripSuffix(line.substr(0, std::min(end, newline)), "."));
}

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

std::vector<FieldFlag> FieldFlagsOf(const Descriptor& type) {
  std::vector<FieldFlag> flags;
  AddFieldFlags(type, "--", 1, flags);
  return flags;
}

absl::Status ApplyFlags(const std::vector<std::string>& words,
                        Message& message) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    absl::string_view flag = words[i];
    if (!absl::ConsumePrefix(&flag, "--") || flag.empty()) {
      return UsageError(absl::StrCat("unexpected argument '", words[i], "'"));
    }
    const std::size_t equals = flag.find('=');
    std::string value;
    if (equals != flag.npos) {
      value = std::string(flag.substr(equals + 1));
      flag = flag.substr(0, equals);
    } else if (i + 1 < words.size()) {
      value = words[++i];
    } else {
      return UsageError(absl::StrCat("--", flag, " needs a value"));
    }
    const absl::Status set = SetField(flag, value, message);
    if (!set.ok()) {
      return set;
    }
  }
  return absl::OkStatus();
}

absl::Status ApplyJson(absl::string_view json, Message& message) {
  const std::unique_ptr<Message> parsed(message.New());
  const auto status = google::protobuf::util::JsonStringToMessage(
      std::string(json), parsed.get());
  if (!status.ok()) {
    return UsageError(absl::StrCat("this is no JSON of ",
                                   message.GetDescriptor()->name(), ": ",
                                   std::string(status.message())));
  }
  message.MergeFrom(*parsed);
  return absl::OkStatus();
}

bool LacksSession(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* session = SessionField(message);
  if (session != nullptr && reflection.GetString(message, session).empty()) {
    return true;
  }
  for (const FieldDescriptor* field : MessagesSetIn(message)) {
    if (LacksSession(reflection.GetMessage(message, field))) {
      return true;
    }
  }
  return false;
}

void FillSession(const std::string& session, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* own = SessionField(message);
  if (own != nullptr && reflection.GetString(message, own).empty()) {
    reflection.SetString(&message, own, session);
  }
  for (const FieldDescriptor* field : MessagesSetIn(message)) {
    FillSession(session, *reflection.MutableMessage(&message, field));
  }
}

std::vector<Candidate> RpcCandidates(
    const std::string& type, const std::vector<std::string>& arguments) {
  const RpcCatalog catalog;
  std::vector<Candidate> candidates;
  if (type == "SERVICE") {
    for (const ServiceDescriptor* service : catalog.services()) {
      candidates.push_back(
          {service->name(), FirstSentence(CommentOf(service))});
    }
    return candidates;
  }
  const ServiceDescriptor* service =
      arguments.empty() ? nullptr : catalog.FindService(arguments[0]);
  for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
    const MethodDescriptor& method = *service->method(i);
    if (type == "METHOD") {
      candidates.push_back({method.name(), FirstSentence(CommentOf(&method))});
    } else if (arguments.size() > 1 && method.name() == arguments[1]) {
      for (const FieldFlag& flag : FieldFlagsOf(*method.input_type())) {
        candidates.push_back({flag.flag, flag.comment});
      }
    }
  }
  return candidates;
}

}  // namespace farpoll::cli
