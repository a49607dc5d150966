// tests/server/process/guardian_test.cc: room: tests. What the guardian process
// is made of.
#include "server/process/guardian.h"

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/process/process_fixture.h"

namespace farpoll::server {
namespace {

// The guardian that this thread has started, once it has its name.
pid_t AwaitGuardian() {
  for (;;) {
    std::ifstream children("/proc/thread-self/children");
    for (pid_t pid = 0; children >> pid;) {
      std::ifstream file(absl::StrCat("/proc/", pid, "/comm"));
      std::string name;
      if (std::getline(file, name) && name == "farpoll-guard") {
        return pid;
      }
    }
    std::this_thread::yield();
  }
}

// A size of /proc/PID/status, in KiB.
long SizeOf(pid_t pid, const std::string& field) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  std::string name;
  while (file >> name) {
    if (name == field + ":") {
      long size = -1;
      file >> size;
      return size;
    }
  }
  return -1;
}

TEST(GuardianTest, KeepsNothingOfTheServersMemory) {
  constexpr std::size_t kServerBytes = 64 << 20;
  const std::vector<char> memory(kServerBytes, 'x');
  Guardian guardian;
  ASSERT_THAT(guardian.Ensure(), IsOk());

  const pid_t pid = AwaitGuardian();

  EXPECT_LT(SizeOf(pid, "RssAnon"), 1 << 10);
  EXPECT_LT(SizeOf(pid, "VmData"), 4 << 10);
  EXPECT_EQ(memory.back(), 'x');
}

}  // namespace
}  // namespace farpoll::server
