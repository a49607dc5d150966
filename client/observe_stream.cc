#include "client/observe_stream.h"

#include <utility>

#include "client/connection.h"

namespace farpoll::client {

class ObserveStream::State {
 public:
  State(std::shared_ptr<Connection> connection,
        const v1::ObserveRequest& request)
      : connection_(std::move(connection)),
        call_(*connection_, absl::InfiniteDuration()),
        reader_(connection_->observers().Observe(&call_.context(), request)),
        token_(request.resume_token()) {}
  ~State() {
    if (!over_) {
      Cancel();
      (void)reader_->Finish();
    }
  }

  const v1::ObserveResponse* Next() {
    if (over_) {
      return nullptr;
    }
    if (!reader_->Read(&response_)) {
      over_ = true;  // a call is finished once
      status_ = FromGrpc(reader_->Finish());
      return nullptr;
    }
    if (!response_.token().empty()) {
      token_ = response_.token();
    }
    return &response_;
  }
  void Cancel() { call_.context().TryCancel(); }

  const absl::Status& status() const { return status_; }
  const std::string& token() const { return token_; }

 private:
  const std::shared_ptr<Connection> connection_;
  Connection::Call call_;
  const std::unique_ptr<grpc::ClientReader<v1::ObserveResponse>> reader_;
  v1::ObserveResponse response_;
  bool over_ = false;
  absl::Status status_;
  std::string token_;
};

ObserveStream::ObserveStream(std::shared_ptr<Connection> connection,
                             const v1::ObserveRequest& request)
    : state_(std::make_unique<State>(std::move(connection), request)) {}
ObserveStream::ObserveStream(ObserveStream&&) noexcept = default;
ObserveStream& ObserveStream::operator=(ObserveStream&&) noexcept = default;
ObserveStream::~ObserveStream() = default;

const v1::ObserveResponse* ObserveStream::Next() { return state_->Next(); }
void ObserveStream::Cancel() { state_->Cancel(); }
const absl::Status& ObserveStream::status() const { return state_->status(); }
const std::string& ObserveStream::token() const { return state_->token(); }

}  // namespace farpoll::client
