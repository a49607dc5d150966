#include "client/cli/rpc_field.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/cli/failure.h"
#include "client/cli/rpc_catalog.h"
#include "client/cli/spec.h"

namespace farpoll::cli {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The flag that is being set, for messages about it.
absl::Status Bad(absl::string_view path, absl::string_view text,
                 absl::string_view takes) {
  return UsageError(
      absl::StrCat("--", path, " takes ", takes, ", not '", text, "'"));
}

// "SELECTOR_KIND_" for SelectorKind.
std::string PrefixOf(const EnumDescriptor& type) {
  std::string prefix;
  for (const char letter : type.name()) {
    if (absl::ascii_isupper(letter) && !prefix.empty()) {
      prefix += '_';
    }
    prefix += absl::ascii_toupper(letter);
  }
  return prefix + "_";
}

const EnumValueDescriptor* FindEnumValue(const EnumDescriptor& type,
                                         absl::string_view text) {
  const std::string upper = absl::AsciiStrToUpper(text);
  const EnumValueDescriptor* value = type.FindValueByName(upper);
  return value != nullptr ? value
                          : type.FindValueByName(PrefixOf(type) + upper);
}

// Sets or adds, whichever the field is.
#define FARPOLL_PUT(Kind, value)                                       \
  (field.is_repeated() ? reflection.Add##Kind(&message, &field, value) \
                       : reflection.Set##Kind(&message, &field, value))

template <typename Number>
bool Parse(absl::string_view text, Number* number) {
  return absl::SimpleAtoi(text, number);
}

absl::Status SetDuration(absl::string_view path, absl::string_view text,
                         Message& duration) {
  absl::Duration span;
  if (!absl::ParseDuration(text, &span) ||
      absl::AbsDuration(span) == absl::InfiniteDuration()) {
    return Bad(path, text, "a duration such as 250ms");
  }
  absl::Duration rest;
  const std::int64_t seconds =
      absl::IDivDuration(span, absl::Seconds(1), &rest);
  const auto* type = duration.GetDescriptor();
  duration.GetReflection()->SetInt64(&duration,
                                     type->FindFieldByName("seconds"), seconds);
  duration.GetReflection()->SetInt32(
      &duration, type->FindFieldByName("nanos"),
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(rest)));
  return absl::OkStatus();
}

absl::Status SetMessage(const FieldDescriptor& field, absl::string_view path,
                        absl::string_view text, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  Message& inner = field.is_repeated()
                       ? *reflection.AddMessage(&message, &field)
                       : *reflection.MutableMessage(&message, &field);
  return IsDuration(field) ? SetDuration(path, text, inner)
                           : ApplyJson(text, inner);
}

absl::Status SetNumber(const FieldDescriptor& field, absl::string_view path,
                       absl::string_view text, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::int32_t int32 = 0;
  std::int64_t int64 = 0;
  std::uint32_t uint32 = 0;
  std::uint64_t uint64 = 0;
  double real = 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Parse(text, &int32) ? (FARPOLL_PUT(Int32, int32), absl::OkStatus())
                                 : Bad(path, text, "a 32-bit number");
    case FieldDescriptor::CPPTYPE_INT64:
      return Parse(text, &int64) ? (FARPOLL_PUT(Int64, int64), absl::OkStatus())
                                 : Bad(path, text, "a 64-bit number");
    case FieldDescriptor::CPPTYPE_UINT32:
      return Parse(text, &uint32)
                 ? (FARPOLL_PUT(UInt32, uint32), absl::OkStatus())
                 : Bad(path, text, "a 32-bit number from 0 on");
    case FieldDescriptor::CPPTYPE_UINT64:
      return Parse(text, &uint64)
                 ? (FARPOLL_PUT(UInt64, uint64), absl::OkStatus())
                 : Bad(path, text, "a 64-bit number from 0 on");
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::SimpleAtod(text, &real)
                 ? (FARPOLL_PUT(Float, static_cast<float>(real)),
                    absl::OkStatus())
                 : Bad(path, text, "a number");
    default:
      return absl::SimpleAtod(text, &real)
                 ? (FARPOLL_PUT(Double, real), absl::OkStatus())
                 : Bad(path, text, "a number");
  }
}

absl::Status SetLeaf(const FieldDescriptor& field, absl::string_view path,
                     absl::string_view text, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(field, path, text, message);
    case FieldDescriptor::CPPTYPE_STRING:
      FARPOLL_PUT(String, std::string(text));
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL: {
      bool value = false;
      if (!absl::SimpleAtob(text, &value)) {
        return Bad(path, text, "true or false");
      }
      FARPOLL_PUT(Bool, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value =
          FindEnumValue(*field.enum_type(), text);
      if (value == nullptr) {
        return Bad(path, text,
                   absl::StrJoin(EnumShortNames(*field.enum_type()), ", "));
      }
      FARPOLL_PUT(Enum, value);
      return absl::OkStatus();
    }
    default:
      return SetNumber(field, path, text, message);
  }
}

#undef FARPOLL_PUT

// Whether setting the field at `path` would overwrite something.
bool IsSet(absl::string_view path, const Message& message) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(path, absl::MaxSplits('.', 1));
  const FieldDescriptor* field =
      message.GetDescriptor()->FindFieldByName(std::string(parts.first));
  if (field == nullptr) {
    return false;
  }
  const Reflection& reflection = *message.GetReflection();
  if (field->is_repeated()) {
    return false;  // it takes one more
  }
  if (!reflection.HasField(message, field)) {
    // Another choice of the same oneof would be lost.
    return field->containing_oneof() != nullptr &&
           reflection.HasOneof(message, field->containing_oneof());
  }
  return parts.second.empty() ||
         IsSet(parts.second, reflection.GetMessage(message, field));
}

// The message that `rest` is to be set in: the last item, or a new one.
Message& ItemFor(const FieldDescriptor& field, absl::string_view rest,
                 Message& message) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    return *reflection.MutableMessage(&message, &field);
  }
  const int size = reflection.FieldSize(message, &field);
  if (size == 0 ||
      IsSet(rest, reflection.GetRepeatedMessage(message, &field, size - 1))) {
    return *reflection.AddMessage(&message, &field);
  }
  return *reflection.MutableRepeatedMessage(&message, &field, size - 1);
}

absl::Status SetAt(absl::string_view path, absl::string_view whole,
                   absl::string_view text, Message& message) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(path, absl::MaxSplits('.', 1));
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const FieldDescriptor* field = type.FindFieldByName(std::string(parts.first));
  if (field == nullptr) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) {
      names.push_back(type.field(i)->name());
    }
    const std::string nearest = Nearest(parts.first, names);
    return WithHint(
        UsageError(absl::StrCat("--", whole, ": ", type.name(),
                                " has no field '", parts.first, "'")),
        nearest.empty() ? absl::StrCat("it has ", absl::StrJoin(names, ", "))
                        : absl::StrCat("did you mean ", nearest, "?"));
  }
  if (parts.second.empty()) {
    return SetLeaf(*field, whole, text, message);
  }
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return UsageError(
        absl::StrCat("--", whole, ": '", parts.first, "' has no fields"));
  }
  return SetAt(parts.second, whole, text,
               ItemFor(*field, parts.second, message));
}

}  // namespace

bool IsDuration(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type()->full_name() == "google.protobuf.Duration";
}

std::vector<std::string> EnumShortNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  const std::string prefix = PrefixOf(type);
  for (int i = 0; i < type.value_count(); ++i) {
    const std::string& name = type.value(i)->name();
    if (type.value(i)->number() != 0) {
      names.push_back(absl::AsciiStrToLower(
          absl::StartsWith(name, prefix) ? name.substr(prefix.size()) : name));
    }
  }
  return names;
}

absl::Status SetField(absl::string_view path, absl::string_view text,
                      Message& message) {
  return SetAt(path, path, text, message);
}

}  // namespace farpoll::cli
