// The remote twin of select_loop.cc: the same loop over pipes that live in a
// farpoll server.
//   remote_select_loop [ADDRESS]    default: $FARPOLL_ADDR
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/client.h"

namespace {

absl::StatusOr<farpoll::Pipe> MakePipe(farpoll::Session& session,
                                       const std::string& name,
                                       absl::string_view text) {
  absl::StatusOr<farpoll::Pipe> pipe =
      session.CreatePipe({.reader_name = name, .writer_name = name + ".in"});
  if (!pipe.ok()) {
    return pipe;
  }
  const auto written = pipe->writer.Write(text);
  if (!written.ok()) {
    return written.status();
  }
  return pipe;
}

absl::Status Run(const std::string& address) {
  absl::StatusOr<farpoll::Client> client = farpoll::Client::Connect(address);
  if (!client.ok()) {
    return client.status();
  }
  absl::StatusOr<farpoll::Session> session = client->CreateSession();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<farpoll::Pipe> first = MakePipe(*session, "first", "one");
  if (!first.ok()) {
    return first.status();
  }
  absl::StatusOr<farpoll::Pipe> second = MakePipe(*session, "second", "two");
  if (!second.ok()) {
    return second.status();
  }

  std::vector<std::string> open = {"first", "second"};
  while (!open.empty()) {
    const auto ready = session->Select(open, {}, {}, absl::Seconds(10));
    if (!ready.ok()) {
      return ready.status();
    }
    std::vector<std::string> ended;
    for (const int place : ready->read) {
      const std::string& name = open[place];
      farpoll::Pipe& pipe = name == "first" ? *first : *second;
      const auto read = pipe.reader.Read();
      if (!read.ok()) {
        return read.status();
      }
      if (read->end_of_file) {
        std::printf("%s: end of file\n", name.c_str());
        ended.push_back(name);
        continue;
      }
      std::printf("%s: %s\n", name.c_str(), read->data.c_str());
      if (absl::Status closed = pipe.writer.Close(); !closed.ok()) {
        return closed;
      }
    }
    for (const std::string& name : ended) {
      open.erase(std::find(open.begin(), open.end(), name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  const char* address = argc > 1 ? argv[1] : std::getenv("FARPOLL_ADDR");
  if (address == nullptr) {
    std::fprintf(stderr, "usage: remote_select_loop ADDRESS\n");
    return 2;
  }
  const absl::Status status = Run(address);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
