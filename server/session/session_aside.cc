// What a session does by the side, because it waits for a file system: opening
// files and paths, and their bytes.
#include "server/session/session_aside.h"

#include <atomic>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/file_aside.h"
#include "server/handle/held_bytes.h"
#include "server/session/session_parts.h"

namespace farpoll::server {
namespace {

// A handle by the side, which is closed by the thread that used it, and what
// became of it.
struct Used {
  explicit Used(Handle handle) : aside(std::move(handle)) {}

  void Close() {
    place = FilePlaceOf(*aside);
    bytes_read = aside->bytes_read;
    bytes_written = aside->bytes_written;
    socket_error = aside->socket_error;
    error_is_due = aside->error_is_due;
    aside.reset();
    closed = true;
  }
  // Makes `handle` show it.
  void Settle(Handle& handle) const {
    handle.bytes_read += bytes_read;
    handle.bytes_written += bytes_written;
    handle.socket_error = socket_error;
    handle.error_is_due = error_is_due;
    MoveStandIn(handle, place);
  }

  absl::optional<Handle> aside;
  std::atomic<bool> closed{false};  // what follows may be read
  FilePlace place;
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
  int socket_error = 0;
  bool error_is_due = false;
};

using SharedUsed = std::shared_ptr<Used>;

// The result of I/O by the side, once `handle` shows it; null: it was closed.
template <class Result>
absl::StatusOr<Result> SettleOne(const Used& used, Handle* handle,
                                 absl::StatusOr<Result> result) {
  if (result.ok() && handle != nullptr) {
    used.Settle(*handle);
    result->readiness = handle->readiness;
  }
  return result;
}

absl::StatusOr<SharedUsed> UseAside(const Handle& handle) {
  absl::StatusOr<Handle> aside = HandleAside(handle);
  if (!aside.ok()) {
    return aside.status();
  }
  return std::make_shared<Used>(*std::move(aside));
}

}  // namespace

absl::Status ServerStopping() {
  return MakeError(absl::StatusCode::kUnavailable, 0, "SERVER_STOPPING",
                   "server", "the server is stopping");
}

std::int64_t Session::NoteAside(EndAside end) {
  absl::Status ended;
  {
    MutexLock lock(&mu_);
    if (ended_.ok()) {
      asides_.emplace(++last_aside_, std::move(end));
      return last_aside_;
    }
    ended = ended_;
  }
  end(ended);
  return 0;
}

absl::StatusOr<Session::Aside> Session::StepAside(
    std::shared_ptr<BlockingPool::Lane> lane) {
  Aside aside{
      .lane = std::move(lane),
      .place = QuotaShare(QuotaOf(context_.account, &Account::file_calls))};
  const absl::Status room = aside.place.TryGrow(1, "max_file_calls");
  if (!room.ok()) {
    return room;
  }
  return aside;
}

std::shared_ptr<BlockingPool::Lane> Session::LaneOf(std::int64_t handle_id) {
  std::shared_ptr<BlockingPool::Lane>& lane = file_lanes_[handle_id];
  if (lane == nullptr) {
    lane = context_.blocking->NewLane(owner_.Key());
  }
  return lane;
}

Handle* Session::HandleById(std::int64_t id) {
  const auto it = handles_.find(id);
  return it == handles_.end() ? nullptr : &it->second;
}

// ---- Making handles.

void Session::MakeAside(absl::string_view name, LateMaker make,
                        AnswerTo<HandleInfo> answer) {
  const std::shared_ptr<BlockingPool::Lane> lane =
      context_.blocking->NewLane(owner_.Key());
  absl::StatusOr<Aside> aside = absl::UnknownError("");
  {
    MutexLock lock(&mu_);
    const absl::Status free = CheckNewHandles({{"name", name}});
    aside = free.ok() ? StepAside(lane) : free;
    if (aside.ok()) {
      ++reserved_handles_;
      if (!name.empty()) {
        handle_names_.emplace(name, 0);
      }
    } else if (free.ok()) {
      context_.handles->Return(1);
    }
  }
  if (!aside.ok()) {
    return answer(aside.status());
  }
  RunAside<Handle, HandleInfo>(
      *std::move(aside), std::move(make),
      [this, lane, name = std::string(name)](absl::StatusOr<Handle> made)
          ABSL_NO_THREAD_SAFETY_ANALYSIS {
            return AddMade(name, std::move(made), *lane);
          },
      std::move(answer));
}

absl::StatusOr<HandleInfo> Session::AddMade(const std::string& name,
                                            absl::StatusOr<Handle> made,
                                            BlockingPool::Lane& lane) {
  --reserved_handles_;
  handle_names_.erase(name);
  if (made.ok() && ended_.ok()) {
    made->name = name;
    return Describe(AddHandle(*std::move(made)));
  }
  context_.handles->Return(1);
  if (!made.ok()) {
    return made.status();
  }
  lane.Do([handle = std::make_unique<Handle>(*std::move(made))]() mutable {
    handle->bound_path.reset();
    handle.reset();
  });
  return ended_;
}

// ---- Bytes.

absl::StatusOr<Session::Start> Session::ReadAside(
    Aside aside, const Handle& file, const ReadOptions& options,
    AnswerTo<ReadResult>& answer) {
  absl::StatusOr<SharedUsed> used = UseAside(file);
  if (!used.ok()) {
    return used.status();
  }
  const std::int64_t id = file.id;
  return Start([this, id, options, used = *std::move(used),
                aside = std::move(aside),
                answer = std::move(answer)]() mutable {
    RunAside<ReadResult, ReadResult>(
        std::move(aside),
        [used, options] {
          absl::StatusOr<ReadResult> result = ReadSome(*used->aside, options);
          used->Close();
          return result;
        },
        [this, id, used](absl::StatusOr<ReadResult> result)
            ABSL_NO_THREAD_SAFETY_ANALYSIS {
              return SettleOne(*used, HandleById(id), std::move(result));
            },
        std::move(answer));
  });
}

absl::StatusOr<Session::Start> Session::WriteAside(
    Aside aside, const Handle& file, const WriteRequest& request,
    const absl::optional<Endpoint>& destination,
    AnswerTo<WriteResult>& answer) {
  absl::StatusOr<SharedUsed> used = UseAside(file);
  if (!used.ok()) {
    return used.status();
  }
  const std::int64_t id = file.id;
  return Start([this, id, used = *std::move(used), destination,
                data = std::string(request.data), count = request.count,
                out_of_band = request.out_of_band, aside = std::move(aside),
                answer = std::move(answer)]() mutable {
    RunAside<WriteResult, WriteResult>(
        std::move(aside),
        [used, destination, data = std::move(data), count, out_of_band] {
          absl::StatusOr<WriteResult> result = WriteSome(
              *used->aside,
              {.data = data,
               .out_of_band = out_of_band,
               .destination = destination.has_value() ? &*destination : nullptr,
               .count = count});
          used->Close();
          return result;
        },
        [this, id, used](absl::StatusOr<WriteResult> result)
            ABSL_NO_THREAD_SAFETY_ANALYSIS {
              return SettleOne(*used, HandleById(id), std::move(result));
            },
        std::move(answer));
  });
}

// ---- Transfers.

// What no file holds up is lent for as long as a file takes: its bytes are on
// the way, and nobody else gets those that come after them.
absl::StatusOr<std::shared_ptr<HeldBytes>> Session::Lend(Handle& source,
                                                         Handle& aside) {
  if (source.is_file()) {
    return std::shared_ptr<HeldBytes>();
  }
  if (const absl::Status free = CheckNoneOnTheWay(source); !free.ok()) {
    return free;
  }
  const auto quota = QuotaOf(context_.account, &Account::held_bytes);
  if (source.held == nullptr) {
    source.held = std::make_shared<HeldBytes>(quota);
  }
  if (source.held->taker() != 0) {
    return MakeError(absl::StatusCode::kFailedPrecondition, EBUSY,
                     "BYTES_TAKEN", source.Text(),
                     absl::StrCat("a registration with selector ",
                                  source.held->taker(), " takes its bytes"));
  }
  aside.held = std::make_shared<HeldBytes>(quota);
  source.held->MoveTo(*aside.held);
  source.held->Leave();
  return source.held;
}

absl::StatusOr<Session::Start> Session::TransferAside(
    Aside aside, Handle& source, Handle& destination, std::size_t max_bytes,
    AnswerTo<TransferResult>& answer) {
  absl::StatusOr<SharedUsed> from = UseAside(source);
  absl::StatusOr<SharedUsed> to = UseAside(destination);
  absl::StatusOr<std::shared_ptr<HeldBytes>> lent = absl::UnknownError("");
  if (from.ok() && to.ok()) {
    lent = Lend(source, *(*from)->aside);
  } else {
    lent = from.ok() ? to.status() : from.status();
  }
  if (!lent.ok()) {
    return lent.status();
  }
  const std::shared_ptr<HeldBytes> left = (*from)->aside->held;
  return Start([this, max_bytes, from_id = source.id, to_id = destination.id,
                from = *std::move(from), to = *std::move(to),
                lent = *std::move(lent), left, aside = std::move(aside),
                answer = std::move(answer)]() mutable {
    RunAside<TransferResult, TransferResult>(
        std::move(aside),
        [from, to, max_bytes] {
          absl::StatusOr<TransferResult> result =
              server::Transfer(*from->aside, *to->aside, max_bytes);
          from->Close();
          to->Close();
          return result;
        },
        [this, from, to, from_id, to_id, lent,
         left](absl::StatusOr<TransferResult> result)
            ABSL_NO_THREAD_SAFETY_ANALYSIS {
              if (lent != nullptr && from->closed) {
                left->MoveTo(*lent);
                lent->Settle();
              }
              Handle* const source = HandleById(from_id);
              Handle* const destination = HandleById(to_id);
              if (result.ok() && source != nullptr) {
                from->Settle(*source);
                result->from_readiness = source->readiness;
              }
              if (result.ok() && destination != nullptr) {
                to->Settle(*destination);
                result->to_readiness = destination->readiness;
              }
              return result;
            },
        std::move(answer));
  });
}

}  // namespace farpoll::server
