// tests/support/descriptor_limit.h: room: tests. A process that may open no
// more descriptors.
#ifndef FARPOLL_TESTS_SUPPORT_DESCRIPTOR_LIMIT_H_
#define FARPOLL_TESTS_SUPPORT_DESCRIPTOR_LIMIT_H_

#include <sys/resource.h>

namespace farpoll {

// While it lives, the soft limit of descriptors is `most`. What is open above
// it stays open.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t most) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lowered = {.rlim_cur = most, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &lowered);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_DESCRIPTOR_LIMIT_H_
