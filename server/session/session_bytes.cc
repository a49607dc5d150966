// The bytes of a session's handles: at once where nothing is waited for, else
// by the side.
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/session/session_aside.h"
#include "server/session/session_parts.h"

namespace farpoll::server {
namespace {

// Answers with `result`, unless `start` is to do that later, or an error.
template <class Start, class T, class Answer>
void Conclude(absl::StatusOr<Start> start, absl::StatusOr<T> result,
              Answer& answer) {
  if (!start.ok()) {
    answer(start.status());
  } else if (*start) {
    (*start)();
  } else {
    answer(std::move(result));
  }
}

}  // namespace

absl::Status CheckByteCount(absl::string_view field, std::int64_t bytes,
                            std::int64_t least, std::int64_t most) {
  if (bytes >= least && bytes <= most) {
    return absl::OkStatus();
  }
  return MakeError(EINVAL, "BAD_SIZE", field,
                   absl::StrCat(field, " is ", bytes, "; it must be from ",
                                least, " to ", most));
}

void Session::Read(const Reference& handle, const ReadRequest& request,
                   AnswerTo<ReadResult> answer) {
  const absl::Status good = CheckByteCount("max_bytes", request.max_bytes, 1,
                                           context_.limits->max_read_bytes);
  if (!good.ok()) {
    return answer(good);
  }
  const ReadOptions options{
      .max_bytes = static_cast<std::size_t>(request.max_bytes),
      .peek = request.peek,
      .out_of_band = request.out_of_band};
  absl::StatusOr<ReadResult> result = ReadResult{};
  absl::StatusOr<Start> start = Start();
  {
    MutexLock lock(&mu_);
    const absl::StatusOr<Handle*> found = FindHandle(handle);
    if (!found.ok()) {
      start = found.status();
    } else if (!(*found)->is_file()) {
      result = ReadSome(**found, options);
    } else {
      absl::StatusOr<Aside> aside = StepAside(LaneOf((*found)->id));
      start = aside.ok()
                  ? ReadAside(*std::move(aside), **found, options, answer)
                  : aside.status();
    }
  }
  Conclude(std::move(start), std::move(result), answer);
}

void Session::Write(const Reference& handle, const WriteRequest& request,
                    AnswerTo<WriteResult> answer) {
  const absl::Status good =
      CheckByteCount("data", static_cast<std::int64_t>(request.data.size()), 0,
                     context_.limits->max_write_bytes);
  if (!good.ok()) {
    return answer(good);
  }
  absl::optional<Endpoint> destination;
  if (!request.destination.empty()) {
    absl::StatusOr<Endpoint> allowed =
        Authorize(request.destination, "destination", Verb::kConnect);
    if (!allowed.ok()) {
      return answer(allowed.status());
    }
    destination = *std::move(allowed);
  }
  absl::StatusOr<WriteResult> result = WriteResult{};
  absl::StatusOr<Start> start = Start();
  {
    MutexLock lock(&mu_);
    const absl::StatusOr<Handle*> found = FindHandle(handle);
    if (!found.ok()) {
      start = found.status();
    } else if (!(*found)->is_file() && !HasPath(destination)) {
      result = WriteSome(
          **found,
          {.data = request.data,
           .out_of_band = request.out_of_band,
           .destination = destination.has_value() ? &*destination : nullptr,
           .count = request.count});
    } else {
      absl::StatusOr<Aside> aside = StepAside(LaneOf((*found)->id));
      start = aside.ok() ? WriteAside(*std::move(aside), **found, request,
                                      destination, answer)
                         : aside.status();
    }
  }
  Conclude(std::move(start), std::move(result), answer);
}

void Session::Transfer(const Reference& from, const Reference& to,
                       std::int64_t max_bytes,
                       AnswerTo<TransferResult> answer) {
  const absl::Status good = CheckByteCount("max_bytes", max_bytes, 1,
                                           context_.limits->max_transfer_bytes);
  if (!good.ok()) {
    return answer(good);
  }
  const auto most = static_cast<std::size_t>(max_bytes);
  absl::StatusOr<TransferResult> result = TransferResult{};
  absl::StatusOr<Start> start = Start();
  {
    MutexLock lock(&mu_);
    const absl::StatusOr<Handle*> source = FindHandle(from);
    const absl::StatusOr<Handle*> destination = FindHandle(to);
    if (!source.ok() || !destination.ok()) {
      start = source.ok() ? destination.status() : source.status();
    } else if (!(*source)->is_file() && !(*destination)->is_file()) {
      result = server::Transfer(**source, **destination, most);
    } else {
      const Handle& file = (*source)->is_file() ? **source : **destination;
      absl::StatusOr<Aside> aside = StepAside(LaneOf(file.id));
      start = aside.ok() ? TransferAside(*std::move(aside), **source,
                                         **destination, most, answer)
                         : aside.status();
    }
  }
  Conclude(std::move(start), std::move(result), answer);
}

}  // namespace farpoll::server
