// tests/bench/service_cases.h: room: tests. The goals of docs/performance.md
// for the service, each beside its floor: a bare gRPC server with the same
// messages. One file a family.
#ifndef FARPOLL_TESTS_BENCH_SERVICE_CASES_H_
#define FARPOLL_TESTS_BENCH_SERVICE_CASES_H_

#include <string>

#include "tests/bench/farpoll_peer.h"
#include "tests/bench/report.h"

namespace farpoll {

// ---- push_cases.cc

// write(2) to the event in the client's hands, the median, in us.
double FarpollPushMicros(const FarpollPeer& farpoll);
// G1: push on an open Wait.
void BenchPush(Report& report);

// ---- unary_cases.cc

// G2: Register, so many in flight.
void BenchRegister(Report& report);
// G9: waits whose answer is ready.
void BenchReady(Report& report);

// ---- pressure_cases.cc

// G3: events a second of one stream whose client asks for all it can get.
void BenchPressure(Report& report);

// ---- crowd_cases.cc

// G4 and G5: ten thousand streams on a connection, idle and with one event.
void BenchCrowd(Report& report);

// ---- silence_cases.cc

// G6: the first push and the first call after a second or two of silence.
void BenchSilence(Report& report);
// What Main does when its first argument is kSilenceFlag.
inline constexpr char kSilenceFlag[] = "--silence";
int SampleSilence(const std::string& kind, const std::string& way);

// ---- broker_cases.cc

// G7: push beside what brokers take for theirs.
void BenchBrokers(Report& report);

// ---- stalled_cases.cc

// G8: a reader that does not read while a million changes pass.
void BenchStalled(Report& report);
// What Main does when its first argument is kStallFlag: opens a Wait of so many
// credits in `session`, says so, and does nothing more.
inline constexpr char kStallFlag[] = "--stall";
int StallBeside(const std::string& address, const std::string& session,
                const std::string& credits);

// ---- data_cases.cc

// D1: events that bring their data.
void BenchData(Report& report);

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_SERVICE_CASES_H_
