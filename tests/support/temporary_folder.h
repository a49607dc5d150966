// tests/support/temporary_folder.h: room: tests. A folder for sockets, named
// pipes and the like, removed with its content.
#ifndef FARPOLL_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
#define FARPOLL_TESTS_SUPPORT_TEMPORARY_FOLDER_H_

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace farpoll {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    if (mkdtemp(path_.data()) == nullptr) {
      perror("mkdtemp");
      abort();
    }
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/farpoll_test_XXXXXX";
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
