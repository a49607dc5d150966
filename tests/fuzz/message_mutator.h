// tests/fuzz/message_mutator.h: room: tests. Changes protobuf messages field by
// field, so that what a fuzzer makes of them stays a message of their type.
// Threads: one.
#ifndef FARPOLL_TESTS_FUZZ_MESSAGE_MUTATOR_H_
#define FARPOLL_TESTS_FUZZ_MESSAGE_MUTATOR_H_

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace farpoll::fuzz {

// `message` and all that is in it, however deep.
std::vector<google::protobuf::Message*> AllMessagesIn(
    google::protobuf::Message* message);

class MessageMutator {
 public:
  // Strings are often taken from `words`: the names that mean something.
  MessageMutator(unsigned seed, std::vector<std::string> words)
      : random_(seed), words_(std::move(words)) {}

  // Changes, adds or removes one thing, anywhere in `message`.
  void Mutate(google::protobuf::Message* message);
  // Puts elements of `from`, of the same type, into the repeated field `field`
  // of `message`.
  void Splice(const google::protobuf::FieldDescriptor* field,
              const google::protobuf::Message& from,
              google::protobuf::Message* message);

 private:
  using Field = google::protobuf::FieldDescriptor;
  using Message = google::protobuf::Message;

  std::uint32_t Below(std::uint32_t bound) { return random_() % bound; }
  void MutateField(Message* message, const Field* field);
  void MutateRepeated(Message* message, const Field* field);
  // Sets it, or adds an element to it, to something new.
  void Fill(Message* message, const Field* field, int depth);
  void FillMessage(Message* message, int depth);
  std::int64_t AnyNumber(std::int64_t old);
  std::string AnyText(const std::string& old, bool is_text);

  std::minstd_rand random_;
  const std::vector<std::string> words_;
};

}  // namespace farpoll::fuzz

#endif  // FARPOLL_TESTS_FUZZ_MESSAGE_MUTATOR_H_
