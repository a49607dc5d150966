// client/cli/given_descriptors.h: room: cli. Which descriptors the program was
// started with, told apart from those that it and its libraries open.
// Threads: HoldStandardDescriptors() before there is a second one; the rest
// any.
#ifndef FARPOLL_CLIENT_CLI_GIVEN_DESCRIPTORS_H_
#define FARPOLL_CLIENT_CLI_GIVEN_DESCRIPTORS_H_

namespace farpoll::cli {

// To be called first of all. Where a standard descriptor is closed, libraries
// have opened something under its number before main(). Then this starts the
// program again, with a file there that can be neither read nor written.
void HoldStandardDescriptors(char** argv);

// Whether `fd` is open and came with the program: what is open across execve(2)
// does not have FD_CLOEXEC, which everything that is opened here has.
bool WasGiven(int fd);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_GIVEN_DESCRIPTORS_H_
