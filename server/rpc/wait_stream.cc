#include "server/rpc/wait_stream.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "base/errno_status.h"
#include "server/rpc/convert.h"

namespace farpoll::server {

namespace {

// How often the client wants to hear of the wait.
absl::Status ReadPace(const v1::WaitOpen& open, Session::WaitRequest* wait) {
  const absl::StatusOr<absl::Duration> delay =
      ToDuration(open.max_batch_delay(), "max_batch_delay");
  const absl::StatusOr<absl::Duration> interval =
      ToDuration(open.progress_interval(), "progress_interval");
  absl::Status status = delay.status();
  status.Update(interval.status());
  if (!status.ok()) {
    return status;
  }
  wait->batch_delay = *delay;
  if (open.has_progress_interval()) {
    wait->progress_interval = *interval;
  }
  return absl::OkStatus();
}

}  // namespace

WaitStream* WaitStream::Start(SessionTable* table,
                              const absl::StatusOr<Principal>& caller,
                              std::int64_t epoch) {
  const std::shared_ptr<WaitStream> stream(
      new WaitStream(table, caller, epoch));
  stream->self_ = stream;
  if (caller.ok()) {
    stream->StartRead(&stream->request_);
  } else {
    stream->End(caller.status());
  }
  return stream.get();
}

void WaitStream::OnReadDone(bool ok) {
  if (!ok) {
    {
      MutexLock lock(&mu_);
      reads_done_ = true;
    }
    Pump();  // credits given already are still honoured
    return;
  }
  // Asked before Serve(): once the answer is there, another thread may send it
  // and start the next read into request_.
  const bool answer_first = request_.changes_size() != 0;
  if (const absl::Status served = Serve(); !served.ok()) {
    // A wait that ended while its client spoke: OnEnded() tells it why.
    if (request_.has_open() || DetailOf(served).reason != "CLOSED") {
      End(served);
    }
    return;
  }
  if (!answer_first) {
    StartRead(&request_);
  }
  Pump();
}

absl::Status WaitStream::Serve() {
  std::shared_ptr<Session> session;
  StreamId wait = 0;
  {
    MutexLock lock(&mu_);
    session = session_;
    wait = wait_;
  }
  if ((session == nullptr) != request_.has_open()) {
    return MakeError(EINVAL, "BAD_WAIT_MESSAGE", "open",
                     session == nullptr
                         ? "the first message of a Wait must be `open`"
                         : "a Wait is opened once");
  }
  if (request_.has_open()) {
    if (const absl::Status opened = Open(request_.open()); !opened.ok()) {
      return opened;
    }
  }
  const bool grants = request_.has_grant();
  const v1::WaitGrant grant = request_.grant();
  if (request_.changes_size() != 0) {
    if (const absl::Status changed = Change(); !changed.ok()) {
      return changed;
    }
  }
  return grants ? session->Grant(wait, grant.acknowledge(), grant.credits())
                : absl::OkStatus();
}

absl::Status WaitStream::Open(const v1::WaitOpen& open) {
  const absl::StatusOr<Timeout> timeout = ToTimeout(open);
  if (!timeout.ok()) {
    return timeout.status();
  }
  absl::StatusOr<std::shared_ptr<Session>> session =
      table_.Find(*caller_, open.session());
  if (!session.ok()) {
    return session.status();
  }
  Session::WaitRequest wait{.selector = ToReference(open.selector()),
                            .credits = open.credits(),
                            .max_events = open.max_events(),
                            .timeout = *timeout,
                            .with_names = open.with_names(),
                            .resume_after = absl::nullopt,
                            .take_over = open.take_over()};
  if (open.has_resume_after()) {
    if (open.resume_after().epoch() != epoch_) {
      return MakeError(absl::StatusCode::kFailedPrecondition, ESTALE,
                       "EPOCH_CHANGED", "resume_after",
                       "the server was started anew: there is nothing to "
                       "resume");
    }
    wait.resume_after = open.resume_after().sequence();
  }
  if (const absl::Status good = ReadPace(open, &wait); !good.ok()) {
    return good;
  }
  const absl::StatusOr<StreamId> id = (*session)->BeginWait(
      wait, std::static_pointer_cast<WaitSink>(shared_from_this()));
  if (!id.ok()) {
    return id.status();
  }
  {
    MutexLock lock(&mu_);
    session_ = *std::move(session);
    wait_ = *id;
    announce_ = true;
  }
  return absl::OkStatus();
}

absl::Status WaitStream::Change() {
  std::vector<farpoll::server::Change> changes;
  for (const v1::Change& item : request_.changes()) {
    absl::StatusOr<farpoll::server::Change> change = ToChange(item);
    if (!change.ok()) {
      return change.status();
    }
    changes.push_back(*std::move(change));
  }
  MutexLock lock(&mu_);
  const absl::StatusOr<std::vector<ChangeOutcome>> outcomes =
      session_->ApplyInWait(wait_, changes);
  if (!outcomes.ok()) {
    return outcomes.status();
  }
  change_response_.emplace();
  change_response_->set_epoch(epoch_);
  for (const ChangeOutcome& outcome : *outcomes) {
    Fill(outcome, change_response_->add_change_results());
  }
  return absl::OkStatus();
}

void WaitStream::OnReady() { Pump(); }

bool WaitStream::NextResponse() {
  std::shared_ptr<Session> session;
  StreamId wait = 0;
  absl::optional<v1::WaitResponse> answer;
  {
    MutexLock lock(&mu_);
    answer = std::exchange(change_response_, absl::nullopt);
    session = session_;
    wait = wait_;
  }
  if (answer.has_value()) {
    response_ = *std::move(answer);
    StartRead(&request_);
    return true;
  }
  if (session == nullptr) {
    return false;
  }
  const absl::optional<NamedResult> named = session->TakeResult(wait);
  if (!named.has_value()) {
    return false;
  }
  response_.Clear();
  response_.set_epoch(epoch_);
  response_.set_sequence(named->result.sequence);
  response_.set_timed_out(named->result.timed_out);
  response_.set_progress(named->result.notice);
  FillEvents(*named, &response_);
  FillKevents(*named, response_.mutable_kevents());
  return true;
}

void WaitStream::Pump() {
  const std::shared_ptr<WaitStream> alive = shared_from_this();
  {
    MutexLock lock(&mu_);
    if (writing_ || finished_) {
      look_again_ = true;
      return;
    }
    writing_ = true;
  }
  for (;;) {
    std::shared_ptr<Session> session;
    StreamId wait = 0;
    bool reads_done = false;
    bool announce = false;
    {
      MutexLock lock(&mu_);
      look_again_ = false;
      if (end_.has_value()) {
        finished_ = true;
        break;
      }
      session = session_;
      wait = wait_;
      reads_done = reads_done_;
      announce = std::exchange(announce_, false);
    }
    if (announce) {
      StartSendInitialMetadata();  // tells the client that the wait is on
    }
    if (NextResponse()) {
      StartWrite(&response_);  // OnWriteDone() goes on
      return;
    }
    const bool over =
        reads_done && (session == nullptr || !session->HasCredit(wait));
    MutexLock lock(&mu_);
    if (over && !end_.has_value()) {
      end_ = absl::OkStatus();
      continue;
    }
    if (!look_again_) {
      // Clear() keeps the memory of the largest result for the next one, which
      // may be far away.
      response_ = v1::WaitResponse();
      writing_ = false;
      return;
    }
  }
  absl::Status status;
  {
    MutexLock lock(&mu_);
    status = *end_;
  }
  Finish(ToGrpc(status));
}

void WaitStream::OnWriteDone(bool ok) {
  {
    MutexLock lock(&mu_);
    writing_ = false;
    if (!ok && !end_.has_value()) {
      end_ = absl::CancelledError("the client is gone");
    }
  }
  Pump();
}

void WaitStream::OnCancel() {
  End(absl::CancelledError("the client cancelled the wait"));
}

void WaitStream::OnEnded(absl::Status why) { End(why); }

void WaitStream::End(const absl::Status& status) {
  std::shared_ptr<Session> session;
  StreamId wait = 0;
  {
    MutexLock lock(&mu_);
    if (!end_.has_value()) {
      end_ = status;
    }
    session = session_;
    wait = wait_;
  }
  if (session != nullptr) {
    session->EndWait(wait);
  }
  Pump();
}

void WaitStream::OnDone() {
  std::shared_ptr<Session> session;
  StreamId wait = 0;
  {
    MutexLock lock(&mu_);
    session = session_;
    wait = wait_;
  }
  if (session != nullptr) {
    session->EndWait(wait);
  }
  self_.reset();
}

}  // namespace farpoll::server
