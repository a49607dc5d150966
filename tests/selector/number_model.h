// tests/selector/number_model.h: room: tests. The life of descriptor numbers at
// random, beside a model: opened, copied over each other, closed, given to
// other files, held by children; and what a queue must say of them, must not
// say, and may.
// Source: FreeBSD kqueue(2); docs/kqueue.md, "Closing".
#ifndef FARPOLL_TESTS_SELECTOR_NUMBER_MODEL_H_
#define FARPOLL_TESTS_SELECTOR_NUMBER_MODEL_H_

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {

// A queue as the model drives it. Results are errnos, 0 for success.
class NumberedQueue {
 public:
  virtual ~NumberedQueue() = default;
  // Starts and ends watching `fd` for something to read.
  virtual int Add(int fd) = 0;
  virtual int Remove(int fd) = 0;
  // The numbers that one look reports. It never fails.
  virtual std::set<int> Look() = 0;
  // The queue's own number.
  virtual int number() = 0;
};

class NumberModel {
 public:
  // `queue` is looked at; `outer` watches the number of `queue`. A queue whose
  // number is `one_file` may be watched by anybody, as it stays one open file.
  NumberModel(NumberedQueue* queue, NumberedQueue* outer, bool one_file,
              unsigned seed)
      : queue_(*queue), outer_(*outer), one_file_(one_file), random_(seed) {
    EXPECT_EQ(outer_.Add(queue_.number()), 0);
    if (one_file_) {
      copy_ = Duplicate(queue_.number());
      foreign_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
      epoll_event entry = {.events = EPOLLIN, .data = {}};
      EXPECT_EQ(
          epoll_ctl(foreign_.get(), EPOLL_CTL_ADD, queue_.number(), &entry), 0);
    }
  }
  NumberModel(const NumberModel&) = delete;
  NumberModel& operator=(const NumberModel&) = delete;

  ~NumberModel() {
    EndChild();
    for (std::size_t i = 0; i < kNumbers; ++i) {
      if (numbers_[i].file >= 0) {
        close(NumberOf(i));
      }
    }
  }

  // One random step. Stops the test's fatal way when the queue is wrong.
  void Step() {
    const std::size_t i = Draw(kNumbers);
    Number& number = numbers_[i];
    switch (Draw(12)) {
      case 0:
      case 1:  // open, or dup2 over what is open
        number.file = static_cast<int>(Draw(kFiles));
        MustSucceed(dup3(files_[number.file].reader(), NumberOf(i), O_CLOEXEC),
                    "dup3");
        number.alive = false;
        break;
      case 2:
        if (number.file >= 0) {
          MustSucceed(close(NumberOf(i)), "close");
          number.file = -1;
          number.alive = false;
        }
        break;
      case 3:
      case 4:
        Add(i);
        break;
      case 5:
        Remove(i);
        break;
      case 6:
      case 7: {
        const std::size_t file = Draw(kFiles);
        if (!full_[file]) {
          Write(files_[file].writer(), "x");
          full_[file] = true;
        }
        break;
      }
      case 8: {
        const std::size_t file = Draw(kFiles);
        Drain(files_[file].reader());
        full_[file] = false;
        break;
      }
      case 9:
        if (Draw(20) == 0) {
          EndChild();
          StartChild();
        }
        break;
      default:
        Look();
        break;
    }
  }

 private:
  static constexpr std::size_t kNumbers = 8;
  static constexpr std::size_t kFiles = 4;
  // Out of the way of what the test and the library have open.
  static constexpr int kFirst = 400;

  struct Number {
    int file = -1;         // what it names; -1: nothing
    bool watched = false;  // ADD was called since the last DELETE
    bool alive = false;    // and the number is the same file since
  };

  static int NumberOf(std::size_t i) { return kFirst + static_cast<int>(i); }
  std::size_t Draw(std::size_t end) { return random_() % end; }

  void Add(std::size_t i) {
    if (numbers_[i].file >= 0) {
      EXPECT_EQ(queue_.Add(NumberOf(i)), 0);
      numbers_[i].watched = true;
      numbers_[i].alive = true;
    }
  }

  void Remove(std::size_t i) {
    // What vanished with its file may be unknown, or found to be so just now.
    const int error = queue_.Remove(NumberOf(i));
    if (numbers_[i].alive) {
      EXPECT_EQ(error, 0);
    }
    numbers_[i].watched = false;
    numbers_[i].alive = false;
  }

  bool Readable(const Number& number) const {
    return number.file >= 0 && full_[static_cast<std::size_t>(number.file)];
  }

  // What watches the queue from outside agrees that it is `readable`.
  void ExpectSeen(bool readable) {
    const Events wanted = readable ? kIn : 0;
    EXPECT_EQ(KernelPoll(queue_.number(), kIn), wanted);
    if (one_file_) {
      EXPECT_EQ(KernelPoll(copy_.get(), kIn), wanted);
      EXPECT_EQ(KernelPoll(foreign_.get(), kIn), wanted);
    }
    EXPECT_EQ(outer_.Look(),
              readable ? std::set<int>{queue_.number()} : std::set<int>{});
  }

  void Look() {
    std::set<int> must;
    std::set<int> may;
    for (std::size_t i = 0; i < kNumbers; ++i) {
      if (numbers_[i].watched && Readable(numbers_[i])) {
        (numbers_[i].alive ? must : may).insert(NumberOf(i));
      }
    }
    if (!must.empty()) {
      ExpectSeen(true);
    }
    const std::set<int> seen = queue_.Look();
    for (const int number : must) {
      EXPECT_TRUE(seen.count(number) == 1) << number << " is lost";
    }
    for (const int number : seen) {
      EXPECT_TRUE(must.count(number) + may.count(number) == 1)
          << number << " is reported for nothing; watched "
          << numbers_[number - kFirst].watched << ", its file "
          << numbers_[number - kFirst].file << ", poll(2) says "
          << KernelPoll(number, kIn);
    }
    if (seen.empty()) {
      ExpectSeen(false);
    }
  }

  // A child that holds a copy of everything until it is ended.
  void StartChild() {
    child_ = MustSucceed(fork(), "fork");
    if (child_ == 0) {
      for (;;) {
        pause();
      }
    }
  }

  void EndChild() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
      child_ = -1;
    }
  }

  NumberedQueue& queue_;
  NumberedQueue& outer_;
  const bool one_file_;
  std::mt19937 random_;
  // Copies of every file are held here, so each close leaves an orphan.
  std::array<Pipe, kFiles> files_;
  std::array<bool, kFiles> full_ = {};
  std::array<Number, kNumbers> numbers_;
  UniqueFd copy_;
  UniqueFd foreign_;
  pid_t child_ = -1;
};

// Runs `body` in a child, which may do to its numbers what it likes, and
// expects 0 of it.
template <typename Body>
void InAChild(Body body) {
  const pid_t child = MustSucceed(fork(), "fork");
  if (child == 0) {
    _exit(body());
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "exit code " << WEXITSTATUS(status);
}

// Runs the model with queues that `make` makes.
template <typename Make>
void RunNumberModel(bool one_file, Make make) {
  constexpr unsigned kSeeds = 8;
  constexpr int kSteps = 4000;
  for (unsigned seed = 1; seed <= kSeeds && !testing::Test::HasFailure();
       ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const auto queue = make();
    const auto outer = make();
    NumberModel model(queue.get(), outer.get(), one_file, seed);
    for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      model.Step();
    }
  }
}

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SELECTOR_NUMBER_MODEL_H_
