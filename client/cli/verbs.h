// client/cli/verbs.h: room: cli. All verbs at a glance, a file each.
#ifndef FARPOLL_CLIENT_CLI_VERBS_H_
#define FARPOLL_CLIENT_CLI_VERBS_H_

#include <vector>

#include "client/cli/verb.h"

namespace farpoll::cli {

// Headings of the list of verbs.
namespace groups {
inline constexpr absl::string_view kStart = "start here";
inline constexpr absl::string_view kSessions = "sessions";
inline constexpr absl::string_view kMake = "make handles";
inline constexpr absl::string_view kUse = "use handles";
inline constexpr absl::string_view kInterest = "interest";
inline constexpr absl::string_view kWait = "wait";
inline constexpr absl::string_view kOneShot = "one-shot";
inline constexpr absl::string_view kTool = "tool";
}  // namespace groups

Verb DemoVerb();        // demo.cc
Verb SessionVerb();     // session.cc
Verb PipeVerb();        // pipe.cc
Verb SocketPairVerb();  // socketpair.cc
Verb ListenVerb();      // listen.cc
Verb AcceptVerb();      // accept.cc
Verb ConnectVerb();     // connect.cc
Verb TimerVerb();       // timer.cc
Verb CounterVerb();     // counter.cc
Verb OpenVerb();        // open.cc
Verb WatchPathVerb();   // watch_path.cc
Verb PassVerb();        // pass.cc
Verb SpawnVerb();       // spawn.cc
Verb ReadVerb();        // read.cc
Verb WriteVerb();       // write.cc
Verb TransferVerb();    // transfer.cc
Verb ShutdownVerb();    // shutdown.cc
Verb CloseVerb();       // close.cc
Verb KillVerb();        // kill.cc
Verb ResizeVerb();      // resize.cc
Verb ListVerb();        // list.cc
Verb DescribeVerb();    // describe.cc
Verb SelectorVerb();    // selector.cc
Verb RegisterVerb();    // register.cc
Verb ModifyVerb();      // modify.cc
Verb UnregisterVerb();  // unregister.cc
Verb WaitVerb();        // wait.cc
Verb WatchVerb();       // watch.cc
Verb TopVerb();         // top.cc
Verb PollVerb();        // poll.cc
Verb KeventVerb();      // kevent.cc
Verb RunVerb();         // run.cc
Verb RpcVerb();         // rpc.cc
Verb ContextVerb();     // context.cc
Verb DoctorVerb();      // doctor.cc
Verb CompletionVerb();  // completion.cc
Verb VersionVerb();     // version.cc
Verb HelpVerb();        // help.cc

// In the order in which help shows them.
inline std::vector<Verb> AllVerbs() {
  return {DemoVerb(),     SessionVerb(),    PipeVerb(),     SocketPairVerb(),
          PassVerb(),     ListenVerb(),     AcceptVerb(),   ConnectVerb(),
          TimerVerb(),    CounterVerb(),    OpenVerb(),     WatchPathVerb(),
          SpawnVerb(),    ReadVerb(),       WriteVerb(),    TransferVerb(),
          ShutdownVerb(), CloseVerb(),      KillVerb(),     ResizeVerb(),
          ListVerb(),     DescribeVerb(),   SelectorVerb(), RegisterVerb(),
          ModifyVerb(),   UnregisterVerb(), WaitVerb(),     WatchVerb(),
          TopVerb(),      PollVerb(),       KeventVerb(),   RunVerb(),
          RpcVerb(),      ContextVerb(),    DoctorVerb(),   CompletionVerb(),
          VersionVerb(),  HelpVerb()};
}

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_VERBS_H_
