// tests/bench/service_bench.cc: room: tests. The service beside bare gRPC with
// the same messages: G1 to G9 and D1 of docs/performance.md.
//   ./bazelw run -c opt //tests/bench:service_bench -- --json FILE --only G3
#include <iostream>
#include <string>

#include "tests/bench/report.h"
#include "tests/bench/server_process.h"
#include "tests/bench/service_cases.h"

namespace farpoll {
namespace {

struct Family {
  const char* goals;
  void (*run)(Report& report);
};

constexpr Family kFamilies[] = {
    {"G1", BenchPush},     {"G2", BenchRegister}, {"G3", BenchPressure},
    {"G4 G5", BenchCrowd}, {"G6", BenchSilence},  {"G7", BenchBrokers},
    {"G8", BenchStalled},  {"G9", BenchReady},    {"D1", BenchData},
};

int Main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == kServeFlag && argc == 3) {
    return ServeBeside(argv[2]);
  }
  if (role == kSilenceFlag && argc == 4) {
    return SampleSilence(argv[2], argv[3]);
  }
  if (role == kStallFlag && argc == 5) {
    return StallBeside(argv[2], argv[3], argv[4]);
  }
  Report report(argc, argv);
  for (const Family& family : kFamilies) {
    if (report.Wants(family.goals)) {
      family.run(report);
    }
  }
  return report.Finish();
}

}  // namespace
}  // namespace farpoll

int main(int argc, char** argv) { return farpoll::Main(argc, argv); }
