// client/cli/complete.h: room: cli. What may stand at the end of a command
// line: verbs, flags, values, and live names.
// Threads: pure.
#ifndef FARPOLL_CLIENT_CLI_COMPLETE_H_
#define FARPOLL_CLIENT_CLI_COMPLETE_H_

#include <functional>
#include <string>
#include <vector>

#include "client/cli/app.h"
#include "client/cli/candidate.h"

namespace farpoll::cli {

// Values of an argument of type HANDLE, SELECTOR, SESSION, CONTEXT, SERVICE,
// METHOD or FIELD. `arguments` are the positional ones before it.
using ValuesOf = std::function<std::vector<Candidate>(
    const std::string& type, const std::vector<std::string>& arguments)>;

// What the last of `words` (which do not include the program) may become.
std::vector<Candidate> Complete(const Grammar& grammar,
                                const std::vector<std::string>& words,
                                const ValuesOf& values_of);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_COMPLETE_H_
