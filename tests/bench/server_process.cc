#include "tests/bench/server_process.h"

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/server.h"
#include "tests/bench/bare_service.h"
#include "tests/bench/measure.h"
#include "tests/support/memory.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {
namespace {

// Answers until its parent is gone.
void Obey(BareServer* bare) {
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "heap") {
      std::cout << AllocatedBytes() << std::endl;
    } else if (line == "push" && bare != nullptr) {
      bare->service().Push();
    }
  }
}

void ServeFarpoll() {
  const TemporaryFolder folder;
  server::Limits limits;
  limits.max_session_selectors = 20'000;
  limits.max_session_streams = 20'000;
  const auto server = OrDie(server::Server::Start(
      {.listen = {absl::StrCat("unix:", folder.path(), "/s")},
       .limits = limits}));
  std::cout << server->addresses()[0] << std::endl;
  Obey(nullptr);
}

}  // namespace

int ServeBeside(const std::string& kind) {
  if (kind == "farpoll") {
    ServeFarpoll();
    return 0;
  }
  BareServer bare;
  std::cout << bare.address() << std::endl;
  Obey(&bare);
  return 0;
}

ServerProcess::ServerProcess(ServerKind kind)
    : program_({"/proc/self/exe", kServeFlag,
                kind == ServerKind::kBare ? "bare" : "farpoll"}) {
  address_ = program_.Hear();
  OrDie(!address_.empty(), "the server did not start");
}

std::int64_t ServerProcess::ResidentBytes() const {
  std::ifstream status(absl::StrCat("/proc/", program_.pid(), "/status"));
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    std::int64_t kilobytes = 0;
    if (absl::ConsumePrefix(&rest, "RssAnon:") &&
        absl::ConsumeSuffix(&rest, " kB") &&
        absl::SimpleAtoi(rest, &kilobytes)) {
      return kilobytes << 10;
    }
  }
  return 0;
}

double ServerProcess::CpuSeconds() const {
  std::ifstream stat(absl::StrCat("/proc/", program_.pid(), "/stat"));
  std::string text;
  std::getline(stat, text);
  // The fields after the name, which may hold anything, from the third on.
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(text.rfind(')') + 2), ' ');
  std::int64_t user = 0;
  std::int64_t system = 0;
  OrDie(fields.size() > 12 && absl::SimpleAtoi(fields[11], &user) &&
            absl::SimpleAtoi(fields[12], &system),
        "no processor time to be read");
  return static_cast<double>(user + system) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace farpoll
