#include "server/rpc/wait_stream.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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

// What the session calls the selector; 0 when it is gone by now.
std::int64_t SelectorIdOf(Session& session, const Reference& selector) {
  const absl::StatusOr<SelectorInfo> info = session.GetSelector(selector);
  return info.ok() ? info->id : 0;
}

void FillResult(const NamedResult& named, v1::WaitResponse* response) {
  response->set_sequence(named.result.sequence);
  response->set_timed_out(named.result.timed_out);
  response->set_progress(named.result.notice);
  FillEvents(named, response);
  FillKevents(named, response->mutable_kevents());
}

// Why a wait of a stream of many is over; it was asked to, if `why` is OK.
void FillEnd(const absl::Status& why, v1::WaitEnded* ended) {
  if (!why.ok()) {
    *ended->mutable_error() = ToItemError(why);
  }
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
  const absl::StatusOr<bool> answered = Serve();
  if (!answered.ok()) {
    End(answered.status());
    return;
  }
  if (!*answered) {
    StartRead(&request_);
  }
  Pump();
}

absl::StatusOr<bool> WaitStream::Serve() {
  if (const absl::Status good = CheckMessage(); !good.ok()) {
    return good;
  }
  const std::int64_t id = request_.wait_id();
  const bool opens = request_.has_open();
  StreamId begun = 0;
  absl::StatusOr<std::shared_ptr<WaitLane>> lane =
      opens ? Open(request_.open(), id, &begun) : lanes_.Find(id);
  if (!lane.ok() && many_) {
    v1::WaitResponse answer;
    answer.set_epoch(epoch_);
    answer.set_wait_id(id);
    FillEnd(lane.status(), answer.mutable_ended());
    MutexLock lock(&mu_);
    answer_ = std::move(answer);
    return true;
  }
  if (!lane.ok()) {
    return lane.status();
  }
  if (*lane == nullptr) {
    return false;  // its end is told, or on its way
  }
  absl::Status status;
  const bool answered = ServeLane(*lane, begun, &status);
  // A wait that ended while its client spoke: OnLaneEnded() tells it why.
  if (!status.ok() && (opens || DetailOf(status).reason != "CLOSED")) {
    if (!many_) {
      return status;
    }
    lanes_.End(*lane, status);
  }
  lanes_.Queue(*lane);
  return answered;
}

absl::Status WaitStream::CheckMessage() {
  const std::int64_t id = request_.wait_id();
  const auto misused = [](absl::string_view field, absl::string_view message) {
    return MakeError(EINVAL, "BAD_WAIT_MESSAGE", field, message);
  };
  if (!opened_ && !request_.has_open()) {
    return misused("open", "the first message of a Wait must be `open`");
  }
  if (opened_ && !many_ && request_.has_open()) {
    return misused("open", "a Wait is opened once");
  }
  if (opened_ && !many_ && request_.has_close()) {
    return misused("close", "a stream of one wait is closed by its client");
  }
  if (!opened_) {
    many_ = id != 0;
  }
  const bool good = !many_                ? id == 0
                    : request_.has_open() ? id > last_id_
                                          : id > 0 && id <= last_id_;
  if (!good) {
    return MakeError(
        EINVAL, "BAD_WAIT_ID", "wait_id",
        absl::StrCat("wait_id is ", id, "; ",
                     !many_ ? "a stream of one wait has 0"
                     : request_.has_open()
                         ? "each wait has a larger one than those before"
                         : "no wait of this stream ever had it"));
  }
  opened_ = true;
  last_id_ = std::max(last_id_, id);
  return absl::OkStatus();
}

bool WaitStream::ServeLane(const std::shared_ptr<WaitLane>& lane,
                           StreamId begun, absl::Status* status) {
  const bool grants = request_.has_grant();
  const v1::WaitGrant grant = request_.grant();
  const bool closes = request_.has_close();
  v1::WaitResponse answer;
  answer.set_epoch(epoch_);
  answer.set_wait_id(lane->id());
  const bool tells_opened = many_ && request_.has_open();
  if (tells_opened) {
    answer.mutable_opened()->set_selector_id(
        SelectorIdOf(lane->session(), ToReference(request_.open().selector())));
  }
  bool answered = false;
  {
    // The answer goes before whatever comes of what it answers.
    MutexLock lock(&mu_);
    if (begun != 0) {
      lane->Begin(begun);
    }
    if (request_.changes_size() != 0) {
      *status = Change(*lane, &answer);
    }
    answered = tells_opened || answer.change_results_size() != 0;
    if (answered) {
      answer_ = std::move(answer);
    }
  }
  if (status->ok() && grants) {
    *status = lane->session().Grant(lane->wait(), grant.acknowledge(),
                                    grant.credits());
  }
  if (closes) {
    lanes_.End(lane, absl::OkStatus());
  }
  return answered;
}

absl::StatusOr<std::shared_ptr<WaitLane>> WaitStream::Open(
    const v1::WaitOpen& open, std::int64_t id, StreamId* begun) {
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
  absl::Status good = ReadPace(open, &wait);
  good.Update(lanes_.CheckRoom((*session)->limits()));
  if (!good.ok()) {
    return good;
  }
  const auto lane = std::make_shared<WaitLane>(
      std::static_pointer_cast<WaitLane::Owner>(shared_from_this()), id,
      *std::move(session));
  const absl::StatusOr<StreamId> wait_id =
      lane->session().BeginWait(wait, std::static_pointer_cast<WaitSink>(lane));
  if (!wait_id.ok()) {
    return wait_id.status();
  }
  *begun = *wait_id;
  lanes_.Add(lane);
  MutexLock lock(&mu_);
  announce_ = !many_;  // else `opened` says so
  return lane;
}

absl::Status WaitStream::Change(const WaitLane& lane,
                                v1::WaitResponse* answer) {
  std::vector<farpoll::server::Change> changes;
  for (const v1::Change& item : request_.changes()) {
    absl::StatusOr<farpoll::server::Change> change = ToChange(item);
    if (!change.ok()) {
      return change.status();
    }
    changes.push_back(*std::move(change));
  }
  const absl::StatusOr<std::vector<ChangeOutcome>> outcomes =
      lane.session().ApplyInWait(lane.wait(), changes);
  if (!outcomes.ok()) {
    return outcomes.status();
  }
  for (const ChangeOutcome& outcome : *outcomes) {
    Fill(outcome, answer->add_change_results());
  }
  return absl::OkStatus();
}

void WaitStream::OnLaneReady(const std::shared_ptr<WaitLane>& lane) {
  lanes_.Queue(lane);
  Pump();
}

void WaitStream::OnLaneEnded(const std::shared_ptr<WaitLane>& lane,
                             absl::Status why) {
  // A server that stops ends streams as a whole.
  if (lane->id() == 0 || absl::IsUnavailable(why)) {
    End(why);
    return;
  }
  lanes_.End(lane, std::move(why));
  Pump();
}

bool WaitStream::NextResponse() {
  absl::optional<v1::WaitResponse> answer;
  absl::optional<WaitLanes::Turn> turn;
  {
    MutexLock lock(&mu_);
    answer = std::exchange(answer_, absl::nullopt);
    if (!answer.has_value()) {
      turn = lanes_.Next();
    }
  }
  if (answer.has_value()) {
    response_ = *std::move(answer);
    StartRead(&request_);
    return true;
  }
  if (!turn.has_value()) {
    return false;
  }
  response_.Clear();
  response_.set_epoch(epoch_);
  response_.set_wait_id(turn->lane->id());
  if (turn->result.has_value()) {
    FillResult(*turn->result, &response_);
  } else {
    FillEnd(turn->why, response_.mutable_ended());
  }
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
    bool reads_done = false;
    bool announce = false;
    {
      MutexLock lock(&mu_);
      look_again_ = false;
      if (end_.has_value()) {
        finished_ = true;
        break;
      }
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
    const bool over = reads_done && !lanes_.HaveCredit();
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
  // Who hears of the end may wait on the same selectors at once.
  lanes_.EndWaits();
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

void WaitStream::End(const absl::Status& status) {
  {
    MutexLock lock(&mu_);
    if (!end_.has_value()) {
      end_ = status;
    }
  }
  lanes_.EndWaits();
  Pump();
}

void WaitStream::OnDone() {
  lanes_.EndWaits();
  self_.reset();
}

}  // namespace farpoll::server
