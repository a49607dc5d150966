// tests/bench/report.h: room: tests. Comparing peers fairly, and saying what
// came of it: shared by every benchmark program.
// Source: docs/performance.md.
#ifndef FARPOLL_TESTS_BENCH_REPORT_H_
#define FARPOLL_TESTS_BENCH_REPORT_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace farpoll {

// One line of a result: what was measured, of whom, and how it compares.
struct BenchRow {
  std::string bench;      // the goal's name: "S1"
  std::string case_name;  // "10000 registered"
  std::string peer;       // "farpoll InterestSet"
  // Median over the repetitions; none of a peer that is not there.
  std::optional<double> value;
  std::string unit;
  // Median of the per-repetition ratios; none where the floor is zero.
  std::optional<double> ratio_to_floor;
};

// Somebody to be measured: each call takes one sample.
struct Contender {
  std::string peer;
  std::function<double()> sample;
};

class Report {
 public:
  // Reads `--json FILE` and `--only GOAL`; prints how to call the program and
  // exits with 2 on anything else.
  Report(int argc, char** argv);

  // Whether a family of these goals, as "G4 G5", is asked for.
  bool Wants(const std::string& goals) const;

  // Samples each contender `repetitions` times, interleaved and in rotated
  // order, after one sample that does not count. The first is the floor.
  void Compare(const std::string& bench, const std::string& case_name,
               const std::string& unit, int repetitions,
               const std::vector<Contender>& contenders);

  // A row that was measured in another way.
  void Add(BenchRow row);

  // Prints the table, and writes the JSON rows if asked to; the exit status.
  int Finish() const;

 private:
  std::string json_path_;
  std::string only_;  // empty: all
  std::vector<BenchRow> rows_;
};

double Median(std::vector<double> values);

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_REPORT_H_
