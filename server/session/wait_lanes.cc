#include "server/session/wait_lanes.h"

#include <algorithm>

namespace farpoll::server {

void WaitLane::OnReady() {
  if (const std::shared_ptr<Owner> owner = owner_.lock()) {
    owner->OnLaneReady(shared_from_this());
  }
}

void WaitLane::OnEnded(absl::Status why) {
  if (const std::shared_ptr<Owner> owner = owner_.lock()) {
    owner->OnLaneEnded(shared_from_this(), std::move(why));
  }
}

absl::Status WaitLanes::CheckRoom(const Limits& limits) {
  MutexLock lock(&mu_);
  if (static_cast<std::int64_t>(by_id_.size()) < limits.max_stream_waits) {
    return absl::OkStatus();
  }
  return LimitReached("max_stream_waits", limits.max_stream_waits, "Wait");
}

void WaitLanes::Add(const std::shared_ptr<WaitLane>& lane) {
  MutexLock lock(&mu_);
  by_id_.emplace(lane->id_, lane);
}

std::shared_ptr<WaitLane> WaitLanes::Find(std::int64_t id) {
  MutexLock lock(&mu_);
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

void WaitLanes::Queue(const std::shared_ptr<WaitLane>& lane) {
  MutexLock lock(&mu_);
  if (!lane->queued_) {
    lane->queued_ = true;
    row_.push_back(lane);
  }
}

void WaitLanes::End(const std::shared_ptr<WaitLane>& lane, absl::Status why) {
  {
    MutexLock lock(&mu_);
    if (!lane->ended_.has_value()) {
      lane->ended_ = std::move(why);
    }
  }
  lane->session_->EndWait(lane->wait_);
  Queue(lane);
}

absl::optional<WaitLanes::Turn> WaitLanes::Next() {
  for (;;) {
    Turn turn;
    {
      MutexLock lock(&mu_);
      if (row_.empty()) {
        return absl::nullopt;
      }
      turn.lane = std::move(row_.front());
      row_.pop_front();
      turn.lane->queued_ = false;
      if (turn.lane->ended_.has_value()) {
        turn.why = *turn.lane->ended_;
        // Ended once more while it was said: by_id_ knows what was told.
        if (by_id_.erase(turn.lane->id_) == 0) {
          continue;
        }
        return turn;
      }
    }
    turn.result = turn.lane->session_->TakeResult(turn.lane->wait_);
    if (turn.result.has_value()) {
      Queue(turn.lane);
      return turn;
    }
  }
}

std::vector<std::shared_ptr<WaitLane>> WaitLanes::All() {
  MutexLock lock(&mu_);
  std::vector<std::shared_ptr<WaitLane>> lanes;
  lanes.reserve(by_id_.size());
  for (const auto& [id, lane] : by_id_) {
    lanes.push_back(lane);
  }
  return lanes;
}

bool WaitLanes::HaveCredit() {
  const std::vector<std::shared_ptr<WaitLane>> lanes = All();
  return std::any_of(lanes.begin(), lanes.end(), [](const auto& lane) {
    return lane->session_->HasCredit(lane->wait_);
  });
}

void WaitLanes::EndWaits() {
  for (const std::shared_ptr<WaitLane>& lane : All()) {
    lane->session_->EndWait(lane->wait_);
  }
}

}  // namespace farpoll::server
