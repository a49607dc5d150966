#include "selector/number_holders.h"

#include "selector/fork_guard.h"

namespace farpoll {

NumberHolders& NumberHolders::OfProcess() {
  return OfThisProcess<NumberHolders>();
}

void NumberHolders::Insert(NumberHolder* holder) {
  MutexLock lock(&mutex_);
  holder->previous_ = end_.previous_;
  holder->next_ = &end_;
  end_.previous_->next_ = holder;
  end_.previous_ = holder;
}

void NumberHolders::Erase(NumberHolder* holder) {
  MutexLock lock(&mutex_);
  holder->previous_->next_ = holder->next_;
  holder->next_->previous_ = holder->previous_;
  holder->previous_ = holder;
  holder->next_ = holder;
}

// While it lasts no holder has `number`; its end comes also when memory runs
// out meanwhile.
class NumberHolders::Absence {
 public:
  Absence(NumberHolder* end, int number) : end_(end), number_(number) {
    for (NumberHolder* holder = end_->next_; holder != end_;
         holder = holder->next_) {
      holder->BeforeMove(number_);
    }
  }
  Absence(const Absence&) = delete;
  Absence& operator=(const Absence&) = delete;
  ~Absence() {
    for (NumberHolder* holder = end_->next_; holder != end_;
         holder = holder->next_) {
      holder->AfterMove(number_);
    }
  }

 private:
  NumberHolder* const end_;
  const int number_;
};

absl::Status NumberHolders::Move(int number,
                                 absl::FunctionRef<absl::Status()> move) {
  MutexLock lock(&mutex_);
  const Absence absence(&end_, number);
  return move();
}

}  // namespace farpoll
