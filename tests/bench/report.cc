#include "tests/bench/report.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace farpoll {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

Report::Report(int argc, char** argv) {
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 < argc && strcmp(argv[i], "--json") == 0) {
      json_path_ = argv[i + 1];
    } else if (i + 1 < argc && strcmp(argv[i], "--only") == 0) {
      only_ = argv[i + 1];
    } else {
      std::cerr << "usage: " << argv[0] << " [--json FILE] [--only GOAL]\n";
      exit(2);
    }
  }
}

bool Report::Wants(const std::string& goals) const {
  return goals.find(only_) != std::string::npos;
}

void Report::Add(BenchRow row) {
  rows_.push_back(std::move(row));
  std::cerr << "." << std::flush;
}

void Report::Compare(const std::string& bench, const std::string& case_name,
                     const std::string& unit, int repetitions,
                     const std::vector<Contender>& contenders) {
  const std::size_t peers = contenders.size();
  for (const Contender& contender : contenders) {
    contender.sample();
  }
  std::vector<std::vector<double>> values(peers);
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    for (std::size_t turn = 0; turn < peers; ++turn) {
      const std::size_t at =
          (turn + static_cast<std::size_t>(repetition)) % peers;
      values[at].push_back(contenders[at].sample());
    }
  }
  for (std::size_t i = 0; i < peers; ++i) {
    BenchRow row = {bench, case_name, contenders[i].peer, Median(values[i]),
                    unit,  {}};
    if (Median(values[0]) > 0) {
      std::vector<double> ratios;
      for (std::size_t r = 0; r < values[i].size(); ++r) {
        ratios.push_back(values[i][r] / values[0][r]);
      }
      row.ratio_to_floor = Median(ratios);
    }
    rows_.push_back(row);
  }
  std::cerr << "." << std::flush;
}

int Report::Finish() const {
  std::cerr << "\n";
  std::cout << absl::StreamFormat("%-6s %-28s %-22s %12s %-10s %8s\n", "bench",
                                  "case", "peer", "value", "unit", "x floor");
  for (const BenchRow& row : rows_) {
    std::cout << absl::StreamFormat(
        "%-6s %-28s %-22s %12s %-10s %8s\n", row.bench, row.case_name, row.peer,
        row.value ? absl::StrFormat("%.1f", *row.value) : "-", row.unit,
        row.ratio_to_floor ? absl::StrFormat("%.2f", *row.ratio_to_floor)
                           : "-");
  }
  if (json_path_.empty()) {
    return 0;
  }
  nlohmann::json rows = nlohmann::json::array();
  for (const BenchRow& row : rows_) {
    rows.push_back(
        {{"bench", row.bench},
         {"case", row.case_name},
         {"peer", row.peer},
         {"value", row.value ? nlohmann::json(*row.value) : nlohmann::json()},
         {"unit", row.unit},
         {"ratio_to_floor", row.ratio_to_floor
                                ? nlohmann::json(*row.ratio_to_floor)
                                : nlohmann::json()}});
  }
  std::ofstream file(json_path_);
  file << rows.dump(1) << "\n";
  if (!file) {
    std::cerr << "cannot write " << json_path_ << "\n";
    return 1;
  }
  return 0;
}

}  // namespace farpoll
