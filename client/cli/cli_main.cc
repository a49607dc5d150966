// client/cli/cli_main.cc: room: cli. The program `farpoll`.
#include <csignal>
#include <cstdlib>

#include "client/cli/app.h"
#include "client/cli/given_descriptors.h"

int main(int argc, char** argv) {
  farpoll::cli::HoldStandardDescriptors(argv);
  // gRPC's own log is no language for users; GRPC_VERBOSITY brings it back.
  ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  // A closed pipe is found by write(2), after which things are still put away.
  std::signal(SIGPIPE, SIG_IGN);
  return farpoll::cli::RunProgram(argc, argv);
}
