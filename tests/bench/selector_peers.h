// tests/bench/selector_peers.h: room: tests. Everybody who can wait for many
// descriptors, behind one interface.
#ifndef FARPOLL_TESTS_BENCH_SELECTOR_PEERS_H_
#define FARPOLL_TESTS_BENCH_SELECTOR_PEERS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace farpoll {

// A set of descriptors waited on for reading, level-triggered.
class SelectorPeer {
 public:
  virtual ~SelectorPeer() = default;
  virtual void Add(int fd) = 0;
  virtual void Remove(int fd) = 0;
  // Blocks until something is ready; adds each number found to a checksum, so
  // that all peers do the caller's share of the work. How many were ready.
  virtual std::size_t Wait() = 0;
};

struct SelectorPeerKind {
  std::string name;
  std::function<std::unique_ptr<SelectorPeer>()> make;
  // The most descriptors it is worth, or able, to be measured with.
  std::size_t most = 100'000;
};

// All of them, raw epoll (the floor) first.
const std::vector<SelectorPeerKind>& SelectorPeers();

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_SELECTOR_PEERS_H_
