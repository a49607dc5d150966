// client/cli/candidate.h: room: cli. One thing that completion may offer.
#ifndef FARPOLL_CLIENT_CLI_CANDIDATE_H_
#define FARPOLL_CLIENT_CLI_CANDIDATE_H_

#include <string>

namespace farpoll::cli {

struct Candidate {
  std::string text;
  // May be empty.
  std::string description;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_CANDIDATE_H_
