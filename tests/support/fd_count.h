// tests/support/fd_count.h: room: tests. A test ends with as many descriptors
// as it began with.
#ifndef FARPOLL_TESTS_SUPPORT_FD_COUNT_H_
#define FARPOLL_TESTS_SUPPORT_FD_COUNT_H_

#include <dirent.h>

#include "gtest/gtest.h"

namespace farpoll {

// Descriptors this process has open.
inline int CountOpenDescriptors() {
  DIR* const dir = opendir("/proc/self/fd");
  int count = -1;  // the directory itself is one of them
  while (readdir(dir) != nullptr) {
    ++count;
  }
  closedir(dir);
  return count - 2;  // "." and ".."
}

// Fails every test of the program that leaves descriptors open.
class FdCountListener : public testing::EmptyTestEventListener {
 public:
  void OnTestStart(const testing::TestInfo&) override {
    before_ = CountOpenDescriptors();
  }
  void OnTestEnd(const testing::TestInfo&) override {
    EXPECT_EQ(CountOpenDescriptors(), before_) << "descriptors leaked";
  }

 private:
  int before_ = 0;
};

// To be called once, at namespace scope, in a program that uses gtest_main.
inline bool CountDescriptorsInEveryTest() {
  testing::UnitTest::GetInstance()->listeners().Append(new FdCountListener);
  return true;
}

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_FD_COUNT_H_
