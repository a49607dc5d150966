#include "tests/fuzz/message_mutator.h"

#include <algorithm>
#include <cstddef>
#include <limits>

// Of libFuzzer: changes bytes in place, by what it learnt of the program.
extern "C" __attribute__((weak)) std::size_t LLVMFuzzerMutate(
    std::uint8_t* bytes, std::size_t size, std::size_t max_size);

namespace farpoll::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kMostText = 200;
constexpr int kMostDepth = 4;
constexpr int kMostElements = 40;

void Collect(Message* message, std::vector<Message*>* all) {
  all->push_back(message);
  const auto* const reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const FieldDescriptor* const field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    }
    if (!field->is_repeated()) {
      Collect(reflection->MutableMessage(message, field), all);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      Collect(reflection->MutableRepeatedMessage(message, field, i), all);
    }
  }
}

}  // namespace

std::vector<Message*> AllMessagesIn(Message* message) {
  std::vector<Message*> all;
  Collect(message, &all);
  return all;
}

void MessageMutator::Mutate(Message* message) {
  const std::vector<Message*> all = AllMessagesIn(message);
  for (int tries = 0; tries < 10; ++tries) {
    Message* const chosen = all[Below(static_cast<std::uint32_t>(all.size()))];
    const google::protobuf::Descriptor& type = *chosen->GetDescriptor();
    if (type.field_count() == 0) {
      continue;
    }
    const Field* const field =
        type.field(static_cast<int>(Below(type.field_count())));
    if (field->is_repeated()) {
      MutateRepeated(chosen, field);
    } else {
      MutateField(chosen, field);
    }
    return;
  }
}

void MessageMutator::Splice(const Field* field, const Message& from,
                            Message* message) {
  const auto* const reflection = message->GetReflection();
  const int there = reflection->FieldSize(from, field);
  if (there == 0) {
    return;
  }
  const int first = static_cast<int>(Below(there));
  const int count = 1 + static_cast<int>(Below(there - first));
  for (int i = first; i < first + count; ++i) {
    if (reflection->FieldSize(*message, field) >= kMostElements) {
      return;
    }
    reflection->AddMessage(message, field)
        ->CopyFrom(reflection->GetRepeatedMessage(from, field, i));
  }
}

void MessageMutator::MutateField(Message* message, const Field* field) {
  if (Below(5) == 0) {
    message->GetReflection()->ClearField(message, field);
    return;
  }
  Fill(message, field, 0);
}

void MessageMutator::MutateRepeated(Message* message, const Field* field) {
  const auto* const reflection = message->GetReflection();
  const int size = reflection->FieldSize(*message, field);
  if (size == 0 || (size < kMostElements && Below(2) == 0)) {
    Fill(message, field, 0);
    reflection->SwapElements(message, field, size,
                             static_cast<int>(Below(size + 1)));
    return;
  }
  reflection->SwapElements(message, field, static_cast<int>(Below(size)),
                           size - 1);
  if (Below(2) == 0) {
    reflection->RemoveLast(message, field);
  }
}

void MessageMutator::Fill(Message* message, const Field* field, int depth) {
  const auto* const reflection = message->GetReflection();
  const bool add = field->is_repeated();
  // What `Set` and `Add` have in common, by the type of the value.
#define FARPOLL_FILL(Type, value)                     \
  (add ? reflection->Add##Type(message, field, value) \
       : reflection->Set##Type(message, field, value))
  const std::int64_t old = !add && field->cpp_type() == Field::CPPTYPE_INT64
                               ? reflection->GetInt64(*message, field)
                               : 0;
  switch (field->cpp_type()) {
    case Field::CPPTYPE_INT32:
      FARPOLL_FILL(Int32, static_cast<std::int32_t>(AnyNumber(0)));
      break;
    case Field::CPPTYPE_INT64:
      FARPOLL_FILL(Int64, AnyNumber(old));
      break;
    case Field::CPPTYPE_UINT32:
      FARPOLL_FILL(UInt32, static_cast<std::uint32_t>(AnyNumber(0)));
      break;
    case Field::CPPTYPE_UINT64:
      FARPOLL_FILL(UInt64, static_cast<std::uint64_t>(AnyNumber(0)));
      break;
    case Field::CPPTYPE_DOUBLE:
      FARPOLL_FILL(Double, static_cast<double>(AnyNumber(0)));
      break;
    case Field::CPPTYPE_FLOAT:
      FARPOLL_FILL(Float, static_cast<float>(AnyNumber(0)));
      break;
    case Field::CPPTYPE_BOOL:
      FARPOLL_FILL(Bool, Below(2) == 0);
      break;
    case Field::CPPTYPE_ENUM: {
      const auto& values = *field->enum_type();
      FARPOLL_FILL(
          EnumValue,
          Below(20) == 0
              ? static_cast<int>(AnyNumber(0))
              : values.value(static_cast<int>(Below(values.value_count())))
                    ->number());
      break;
    }
    case Field::CPPTYPE_STRING: {
      const std::string text =
          AnyText(add ? "" : reflection->GetString(*message, field),
                  field->type() == Field::TYPE_STRING);
      FARPOLL_FILL(String, text);
      break;
    }
    case Field::CPPTYPE_MESSAGE:
      FillMessage(add ? reflection->AddMessage(message, field)
                      : reflection->MutableMessage(message, field),
                  depth + 1);
      break;
  }
#undef FARPOLL_FILL
}

void MessageMutator::FillMessage(Message* message, int depth) {
  const google::protobuf::Descriptor& type = *message->GetDescriptor();
  if (depth > kMostDepth || type.field_count() == 0) {
    return;
  }
  const std::uint32_t count = 1 + Below(3);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Field* const field =
        type.field(static_cast<int>(Below(type.field_count())));
    if (!field->is_repeated() ||
        message->GetReflection()->FieldSize(*message, field) < kMostElements) {
      Fill(message, field, depth);
    }
  }
}

std::int64_t MessageMutator::AnyNumber(std::int64_t old) {
  using Limits = std::numeric_limits<std::int64_t>;
  switch (Below(10)) {
    case 0:
      return -1;
    case 1:
      // Wrapping around, as unsigned numbers do.
      return static_cast<std::int64_t>(static_cast<std::uint64_t>(old) + 1);
    case 2:
      return static_cast<std::int64_t>(std::uint64_t{1} << Below(64));
    case 3:
      return Below(2) == 0 ? Limits::min() : Limits::max();
    case 4:
      return std::numeric_limits<std::int32_t>::max();
    case 5:
      return static_cast<std::int64_t>(random_());
    case 6:
      return Below(70'000);
    default:
      return Below(20);
  }
}

std::string MessageMutator::AnyText(const std::string& old, bool is_text) {
  if (!words_.empty() && Below(3) != 0) {
    return words_[Below(static_cast<std::uint32_t>(words_.size()))];
  }
  std::string text = old.substr(0, kMostText / 2);
  if (LLVMFuzzerMutate != nullptr) {
    const std::size_t size = text.size();
    text.resize(kMostText);
    text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()),
                                 size, kMostText));
  }
  if (is_text) {
    // A string of protobuf is UTF-8.
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return static_cast<char>(c & 0x7f); });
  }
  return text;
}

}  // namespace farpoll::fuzz
