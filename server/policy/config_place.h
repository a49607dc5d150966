// server/policy/config_place.h: room: server/policy. Where in a configuration
// file something stands, and the mistakes found in it.
// Threads: one.
#ifndef FARPOLL_SERVER_POLICY_CONFIG_PLACE_H_
#define FARPOLL_SERVER_POLICY_CONFIG_PLACE_H_

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace farpoll::server {

// A message of the file with the places of its fields.
class ConfigPlace {
 public:
  using Tree = google::protobuf::TextFormat::ParseInfoTree;
  using Location = google::protobuf::TextFormat::ParseLocation;

  // The whole file. Borrows both.
  ConfigPlace(const google::protobuf::Message* message, const Tree* tree);

  // The message in `field`, the index-th of a repeated one (else -1).
  ConfigPlace Nested(const std::string& field, int index) const;
  // Where a field stands; the message itself when it is not there.
  Location Of(const std::string& field, int index = -1) const;

  template <class Message>
  const Message& As() const {
    return static_cast<const Message&>(*message_);
  }

 private:
  ConfigPlace(const google::protobuf::Message* message, const Tree* tree,
              Location here)
      : message_(message), tree_(tree), here_(here) {}

  const google::protobuf::Message* message_;
  const Tree* tree_;
  Location here_;
};

// Collects mistakes, in order of their discovery.
class ConfigFaults : public google::protobuf::io::ErrorCollector {
 public:
  // `text` is the file's; borrowed.
  ConfigFaults(absl::string_view file, absl::string_view text)
      : file_(file), text_(text) {}

  // From the parser; lines and columns count from 0. It complains of some words
  // when it is past them: those are looked for before the place that it names.
  void AddError(int line, int column, const std::string& message) override;
  // `said` is what is wrong or was expected.
  void Add(const ConfigPlace& place, const std::string& field,
           absl::string_view said, int index = -1);
  // Adds the status's message, if it is one of failure; whether it is none.
  bool Check(const absl::Status& status, const ConfigPlace& place,
             const std::string& field, int index = -1);

  // All of them, as ParseConfig describes it.
  absl::Status status() const;

 private:
  void AddLine(ConfigPlace::Location at, absl::string_view said);

  const std::string file_;
  const absl::string_view text_;
  std::vector<std::string> lines_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_CONFIG_PLACE_H_
