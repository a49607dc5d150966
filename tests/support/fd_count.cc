#include "tests/support/fd_count.h"

namespace farpoll {
namespace {

// Linked into a test program, this is all it takes.
const bool kCounting = CountDescriptorsInEveryTest();

}  // namespace
}  // namespace farpoll
