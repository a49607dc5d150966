// tests/integration/bad_input_test.cc: room: tests. Every request that a server
// must refuse, by what it answers: code, errno, reason and subject. The server
// ends each as it began it.
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"

namespace farpoll {
namespace {

// A pipe "in"/"out", a socket pair "left"/"right", and a selector of each kind
// with "in" registered.
class BadInput : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    peer().MakePipe("in", "out");
    peer().MakeSocketPair("left", "right");
    for (const char* const kind : {"POLL", "SELECT", "DEFAULT"}) {
      peer().MakeSelector(kind, kind);
      peer().Register(kind, "in", kIn);
    }
  }

  // The request that `text` writes is refused in exactly this way.
  template <class Stub, class Request, class Response>
  void Refuses(Method<Stub, Request, Response> method, const std::string& text,
               grpc::StatusCode code, const char* errno_name,
               const char* reason, const std::string& subject) {
    SCOPED_TRACE(absl::StrCat(Request::descriptor()->name(), " ", text));
    const grpc::Status status = peer().Call(method, text).status;
    EXPECT_THAT(status, Fails(code, errno_name, reason));
    EXPECT_EQ(InfoOf(status).subject(), subject);
    EXPECT_FALSE(status.error_message().empty());
  }
};

INSTANTIATE_SERVER_TESTS(BadInput);

TEST_P(BadInput, UnknownSessions) {
  const char* const none = "session: 'nobody'";
  const auto refuses = [&](auto method) {
    Refuses(method, none, grpc::NOT_FOUND, "ENOENT", "SESSION_UNKNOWN",
            "nobody");
  };

  refuses(&Sessions::GetSession);
  refuses(&Sessions::DeleteSession);
  refuses(&Handles::CreatePipe);
  refuses(&Handles::CreateSocketPair);
  refuses(&Handles::Read);
  refuses(&Handles::Write);
  refuses(&Handles::Shutdown);
  refuses(&Handles::GetHandle);
  refuses(&Handles::ListHandles);
  refuses(&Handles::Close);
  refuses(&Selectors::CreateSelector);
  refuses(&Selectors::GetSelector);
  refuses(&Selectors::ListSelectors);
  refuses(&Selectors::CloseSelector);
  refuses(&Selectors::Register);
  refuses(&Selectors::Modify);
  refuses(&Selectors::Unregister);
  refuses(&Selectors::ListRegistrations);
  refuses(&Selectors::GetRegistration);
  refuses(&Selectors::Poll);
  refuses(&Selectors::Select);
}

TEST_P(BadInput, UnknownClosedAndForeignHandles) {
  Peer stranger(address());
  stranger.MakePipe("theirs", "");
  peer().MakePipe("gone", "");
  const std::int64_t closed = peer().IdOf("gone");
  peer().Close("gone");
  const std::string foreign = absl::StrCat(stranger.IdOf("theirs"));
  const std::pair<std::string, std::string> handles[] = {
      {"id: 0", "handle 0"},
      {"id: -1", "handle -1"},
      {"id: 9223372036854775807", "handle 9223372036854775807"},
      {"name: 'theirs'", "theirs"},
      {"id: " + foreign, "handle " + foreign},
      {"name: 'gone'", "gone"},
      {absl::StrCat("id: ", closed), absl::StrCat("handle ", closed)}};

  for (const auto& entry : handles) {
    // Clang 14 captures no structured bindings.
    const auto& handle = entry.first;
    const auto& subject = entry.second;
    const std::string request = absl::Substitute("handle { $0 }", handle);
    const auto refuses = [&](auto method, const std::string& more) {
      Refuses(method, request + more, grpc::NOT_FOUND, "ENOENT",
              "HANDLE_UNKNOWN", subject);
    };
    refuses(&Handles::GetHandle, "");
    refuses(&Handles::Read, "max_bytes: 1");
    refuses(&Handles::Write, "data: 'x'");
    refuses(&Handles::Shutdown, "direction: DIRECTION_BOTH");
    refuses(&Handles::Close, "");
    refuses(&Selectors::GetRegistration, "selector { name: 'POLL' }");
    const auto refuses_item = [&](auto method, const char* format) {
      Refuses(method,
              "selector { name: 'POLL' } " + absl::Substitute(format, handle),
              grpc::NOT_FOUND, "ENOENT", "HANDLE_UNKNOWN", subject);
    };
    refuses_item(&Selectors::Register, "items { handle { $0 } }");
    refuses_item(&Selectors::Modify, "items { handle { $0 } }");
    refuses_item(&Selectors::Unregister, "handles { $0 }");
    Refuses(&Selectors::Select, absl::Substitute("except { $0 }", handle),
            grpc::NOT_FOUND, "ENOENT", "HANDLE_UNKNOWN", subject);
  }
}

TEST_P(BadInput, UnknownClosedAndForeignSelectors) {
  Peer stranger(address());
  stranger.MakeSelector("theirs");
  peer().MakeSelector("gone");
  peer().Must(&Selectors::CloseSelector, "selector { name: 'gone' }");
  const std::pair<std::string, std::string> selectors[] = {
      {"id: 0", "selector 0"},
      {"id: -1", "selector -1"},
      {absl::StrCat("id: ", peer().IdOf("in")),
       absl::StrCat("selector ", peer().IdOf("in"))},
      {"name: 'theirs'", "theirs"},
      {"name: 'gone'", "gone"}};

  for (const auto& entry : selectors) {
    const auto& selector = entry.first;
    const auto& subject = entry.second;
    const std::string request = absl::Substitute("selector { $0 } ", selector);
    const auto refuses = [&](auto method, const std::string& more) {
      Refuses(method, request + more, grpc::NOT_FOUND, "ENOENT",
              "SELECTOR_UNKNOWN", subject);
    };
    refuses(&Selectors::GetSelector, "");
    refuses(&Selectors::CloseSelector, "");
    refuses(&Selectors::Register, "items { handle { name: 'in' } }");
    refuses(&Selectors::Modify, "items { handle { name: 'in' } }");
    refuses(&Selectors::Unregister, "handles { name: 'in' }");
    refuses(&Selectors::ListRegistrations, "");
    refuses(&Selectors::GetRegistration, "handle { name: 'in' }");
    refuses(&Selectors::Poll, "");
    WaitStream wait(peer());
    wait.Send(absl::Substitute("open { session: '$0' $1 credits: 1 }",
                               peer().session(), request));
    EXPECT_THAT(wait.Finish(),
                Fails(grpc::NOT_FOUND, "ENOENT", "SELECTOR_UNKNOWN"));
  }
}

TEST_P(BadInput, NamesTaken) {
  peer().Must(&Sessions::CreateSession, "name: 'dev'");
  const auto refuses = [&](auto method, const std::string& request,
                           const std::string& subject) {
    Refuses(method, request, grpc::ALREADY_EXISTS, "EEXIST", "NAME_TAKEN",
            subject);
  };

  refuses(&Sessions::CreateSession, "name: 'dev'", "dev");
  refuses(&Handles::CreatePipe, "reader_name: 'left'", "left");
  refuses(&Handles::CreatePipe, "writer_name: 'in'", "in");
  refuses(&Handles::CreatePipe, "reader_name: 'x' writer_name: 'x'", "x");
  refuses(&Handles::CreateSocketPair, "second_name: 'out'", "out");
  refuses(&Selectors::CreateSelector, "name: 'POLL' kind: SELECTOR_KIND_POLL",
          "POLL");
  peer().Must(&Sessions::DeleteSession, "session: 'dev'");
}

TEST_P(BadInput, NamesThatAreNone) {
  for (const std::string& name : {std::string("12"), std::string("-x"),
                                  std::string("a b"), std::string(65, 'a')}) {
    const auto refuses = [&](auto method, const char* field,
                             const char* more = "") {
      Refuses(method, absl::Substitute("$0: '$1' $2", field, name, more),
              grpc::INVALID_ARGUMENT, "EINVAL", "BAD_NAME", field);
    };
    refuses(&Sessions::CreateSession, "name");
    refuses(&Handles::CreatePipe, "reader_name");
    refuses(&Handles::CreatePipe, "writer_name");
    refuses(&Handles::CreateSocketPair, "first_name");
    refuses(&Handles::CreateSocketPair, "second_name");
    refuses(&Selectors::CreateSelector, "name", "kind: SELECTOR_KIND_POLL");
  }
}

TEST_P(BadInput, Masks) {
  struct MaskRow {
    const char* kind;
    std::int64_t mask;
    const char* errno_name;
  };
  const MaskRow rows[] = {
      {"POLL", -1, "EINVAL"},        {"POLL", 0x10000, "EOVERFLOW"},
      {"POLL", INT32_MIN, "EINVAL"}, {"POLL", INT32_MAX, "EOVERFLOW"},
      {"SELECT", 0, "EINVAL"},       {"SELECT", 0x4000, "EINVAL"},
      {"SELECT", kHangup, "EINVAL"}, {"SELECT", 0x10000, "EOVERFLOW"},
      {"DEFAULT", 0, "EINVAL"},      {"DEFAULT", kPriority, "EINVAL"},
      {"DEFAULT", 0x8000, "EINVAL"}, {"DEFAULT", 0x10000, "EOVERFLOW"},
  };
  for (const MaskRow& row : rows) {
    const std::string item = absl::Substitute(
        "selector { name: '$0' } items { handle { name: '$1' } events: $2 }",
        row.kind, "left", row.mask);
    Refuses(&Selectors::Register, item, grpc::INVALID_ARGUMENT, row.errno_name,
            "", "events");
    Refuses(&Selectors::Modify,
            absl::Substitute("selector { name: '$0' } "
                             "items { handle { name: 'in' } events: $1 }",
                             row.kind, row.mask),
            grpc::INVALID_ARGUMENT, row.errno_name, "", "events");
  }

  // Unknown bits are poll's to ignore; the old registrations stand.
  peer().Register("POLL", "left", 0x4000 | kIn);
  peer().Write("out", "x");
  for (const char* const kind : {"POLL", "SELECT", "DEFAULT"}) {
    EXPECT_EQ(peer().Poll(kind, kPatience), "in:1");
  }
}

TEST_P(BadInput, KindsTypesAndTriggersThatAreNone) {
  Refuses(&Selectors::CreateSelector, "", grpc::INVALID_ARGUMENT, "EINVAL",
          "BAD_KIND", "kind");
  Refuses(&Handles::CreateSocketPair, "type: 9", grpc::INVALID_ARGUMENT,
          "EINVAL", "BAD_SOCKET_TYPE", "type");
  Refuses(&Handles::Shutdown, "handle { name: 'left' }", grpc::INVALID_ARGUMENT,
          "EINVAL", "BAD_DIRECTION", "direction");
  Refuses(&Selectors::Register,
          "selector { name: 'POLL' } "
          "items { handle { name: 'left' } trigger: 9 }",
          grpc::INVALID_ARGUMENT, "EINVAL", "BAD_TRIGGER", "trigger");
}

TEST_P(BadInput, Sizes) {
  const auto refuses = [&](auto method, const std::string& request,
                           const char* subject) {
    Refuses(method, request, grpc::INVALID_ARGUMENT, "EINVAL", "BAD_SIZE",
            subject);
  };

  refuses(&Handles::CreatePipe, "capacity_bytes: -1", "capacity_bytes");
  refuses(&Handles::CreatePipe, "capacity_bytes: 2147483647", "capacity_bytes");
  for (const char* const bytes : {"0", "-1", "1048577", "2147483647"}) {
    refuses(&Handles::Read,
            absl::Substitute("handle { name: 'in' } max_bytes: $0", bytes),
            "max_bytes");
  }
  refuses(&Handles::Write,
          absl::Substitute("handle { name: 'out' } data: '$0'",
                           std::string((1 << 20) + 1, 'x')),
          "data");
  Refuses(&Selectors::Poll, "selector { name: 'POLL' } max_events: -1",
          grpc::INVALID_ARGUMENT, "EINVAL", "LIMIT_EVENTS", "max_events");
}

TEST_P(BadInput, NumbersOfItems) {
  const std::string selector = "selector { name: 'POLL' } ";
  std::string many = selector;
  std::string many_handles = selector;
  for (int i = 0; i < 1001; ++i) {
    many += "items { handle { name: 'left' } } ";
    many_handles += "handles { name: 'left' } ";
  }
  const auto refuses = [&](auto method, const std::string& request) {
    Refuses(method, request, grpc::INVALID_ARGUMENT, "EINVAL", "LIMIT_CHANGES",
            "items");
  };

  refuses(&Selectors::Register, selector);
  refuses(&Selectors::Modify, selector);
  refuses(&Selectors::Unregister, selector);
  refuses(&Selectors::Register, many);
  refuses(&Selectors::Unregister, many_handles);
}

TEST_P(BadInput, Pages) {
  const auto refuses = [&](auto method, const std::string& more) {
    Refuses(method, more + "page_size: -1", grpc::INVALID_ARGUMENT, "EINVAL",
            "BAD_PAGE_SIZE", "page_size");
    Refuses(method, more + "page_token: 'mine'", grpc::INVALID_ARGUMENT,
            "EINVAL", "BAD_PAGE_TOKEN", "page_token");
  };

  refuses(&Sessions::ListSessions, "");
  refuses(&Handles::ListHandles, "");
  refuses(&Selectors::ListSelectors, "");
  refuses(&Selectors::ListRegistrations, "selector { name: 'POLL' } ");
}

TEST_P(BadInput, Durations) {
  const auto refuses = [&](auto method, const std::string& request,
                           const char* errno_name, const char* reason,
                           const char* subject) {
    Refuses(method, request, grpc::INVALID_ARGUMENT, errno_name, reason,
            subject);
  };

  for (const char* const ttl : {"seconds: -1", "nanos: -1", "seconds: 86401",
                                "seconds: 315576000000"}) {
    refuses(&Sessions::CreateSession, absl::Substitute("ttl { $0 }", ttl),
            "EINVAL", "BAD_TTL", "ttl");
  }
  for (const char* const malformed :
       {"seconds: 315576000001", "seconds: -9223372036854775808",
        "nanos: 1000000000", "seconds: 1 nanos: -1"}) {
    refuses(&Sessions::CreateSession, absl::Substitute("ttl { $0 }", malformed),
            "EINVAL", "BAD_DURATION", "ttl");
    refuses(
        &Selectors::Poll,
        absl::Substitute("selector { name: 'POLL' } timeout { $0 }", malformed),
        "EINVAL", "BAD_DURATION", "timeout");
    refuses(&Selectors::Select, absl::Substitute("timeout { $0 }", malformed),
            "EINVAL", "BAD_DURATION", "timeout");
  }
  const char* const longest = "timeout { seconds: 315576000000 }";
  refuses(&Selectors::Poll, absl::StrCat("selector { name: 'POLL' } ", longest),
          "EOVERFLOW", "", "timeout");
  refuses(&Selectors::Poll,
          absl::StrCat("selector { name: 'SELECT' } ", longest), "EOVERFLOW",
          "", "timeout");
  refuses(&Selectors::Select, longest, "EOVERFLOW", "", "timeout");
  refuses(&Selectors::Select, "timeout { seconds: -1 }", "EINVAL", "",
          "timeout");

  // Beyond the clock, but DefaultSelector takes any: it waits for ever.
  peer().Write("out", "x");
  EXPECT_THAT(
      peer().Call(&Selectors::Poll,
                  absl::StrCat("selector { name: 'DEFAULT' } ", longest)),
      Succeeds());
}

TEST_P(BadInput, ReadsAndWritesTheWrongWayRound) {
  Refuses(&Handles::Read, "handle { name: 'out' } max_bytes: 1",
          grpc::FAILED_PRECONDITION, "EBADF", "", "out");
  Refuses(&Handles::Write, "handle { name: 'in' } data: 'x'",
          grpc::FAILED_PRECONDITION, "EBADF", "", "in");
  Refuses(&Handles::Shutdown, "handle { name: 'in' } direction: DIRECTION_READ",
          grpc::INVALID_ARGUMENT, "ENOTSOCK", "", "in");
}

// ---- First and further messages of a Wait.

struct WaitRow {
  const char* name;
  const char* first;   // $0 is the session
  const char* second;  // "": none
  grpc::StatusCode code;
  const char* errno_name;
  const char* reason;
};

TEST_P(BadInput, WaitMessages) {
  constexpr char kOpen[] =
      "open { session: '$0' selector { name: 'POLL' } credits: 1 }";
  const WaitRow rows[] = {
      {"Empty", "", "", grpc::INVALID_ARGUMENT, "EINVAL", "BAD_WAIT_MESSAGE"},
      {"GrantFirst", "grant { credits: 1 }", "", grpc::INVALID_ARGUMENT,
       "EINVAL", "BAD_WAIT_MESSAGE"},
      {"ChangesFirst", "changes { remove { name: 'in' } }", "",
       grpc::INVALID_ARGUMENT, "EINVAL", "BAD_WAIT_MESSAGE"},
      {"OpenTwice", kOpen, kOpen, grpc::INVALID_ARGUMENT, "EINVAL",
       "BAD_WAIT_MESSAGE"},
      {"NoSession", "open { credits: 1 }", "", grpc::NOT_FOUND, "ENOENT",
       "SESSION_UNKNOWN"},
      {"NoCredits", "open { session: '$0' selector { name: 'POLL' } }", "",
       grpc::INVALID_ARGUMENT, "EINVAL", "BAD_CREDITS"},
      {"NegativeCredits",
       "open { session: '$0' selector { name: 'POLL' } credits: -1 }", "",
       grpc::INVALID_ARGUMENT, "EINVAL", "BAD_CREDITS"},
      {"TooManyCredits",
       "open { session: '$0' selector { name: 'POLL' } credits: 65 }", "",
       grpc::INVALID_ARGUMENT, "EINVAL", "BAD_CREDITS"},
      {"GrantNoCredits", kOpen, "grant { credits: 0 }", grpc::INVALID_ARGUMENT,
       "EINVAL", "BAD_CREDITS"},
      {"GrantNegative", kOpen, "grant { credits: -5 }", grpc::INVALID_ARGUMENT,
       "EINVAL", "BAD_CREDITS"},
      {"GrantOverTheWindow", kOpen, "grant { credits: 64 }",
       grpc::INVALID_ARGUMENT, "EINVAL", "BAD_CREDITS"},
      {"AcknowledgeTheFuture", kOpen, "grant { acknowledge: 1 credits: 1 }",
       grpc::INVALID_ARGUMENT, "EINVAL", "SEQUENCE_NEVER_SENT"},
      {"AcknowledgeNegative", kOpen, "grant { acknowledge: -1 credits: 1 }",
       grpc::INVALID_ARGUMENT, "EINVAL", "SEQUENCE_NEVER_SENT"},
      {"EmptyChange", kOpen, "changes { }", grpc::INVALID_ARGUMENT, "EINVAL",
       "BAD_CHANGE"},
      {"NegativeMaxEvents",
       "open { session: '$0' selector { name: 'POLL' } credits: 1 "
       "max_events: -1 }",
       "", grpc::INVALID_ARGUMENT, "EINVAL", "LIMIT_EVENTS"},
      {"MaxEventsOverTheLimit",
       "open { session: '$0' selector { name: 'POLL' } credits: 1 "
       "max_events: 1025 }",
       "", grpc::INVALID_ARGUMENT, "EINVAL", "LIMIT_EVENTS"},
      {"TimeoutTooLong",
       "open { session: '$0' selector { name: 'POLL' } credits: 1 "
       "timeout { seconds: 2147484 } }",
       "", grpc::INVALID_ARGUMENT, "EOVERFLOW", ""},
      {"OtherEpoch",
       "open { session: '$0' selector { name: 'POLL' } credits: 1 "
       "resume_after { epoch: 1 sequence: 0 } }",
       "", grpc::FAILED_PRECONDITION, "ESTALE", "EPOCH_CHANGED"},
  };
  for (const WaitRow& row : rows) {
    SCOPED_TRACE(row.name);
    WaitStream wait(peer());

    wait.Send(absl::Substitute(row.first, peer().session()));
    if (row.second[0] != '\0') {
      wait.Send(absl::Substitute(row.second, peer().session()));
    }

    EXPECT_THAT(wait.Finish(), Fails(row.code, row.errno_name, row.reason));
    EXPECT_FALSE(peer().Waiting("POLL"));
  }
}

// "open { ... }" that resumes after `sequence` on `selector`.
std::string Resume(Peer& peer, const char* selector, std::int64_t sequence,
                   std::int64_t credits = 1) {
  return absl::Substitute(
      "open { session: '$0' selector { name: '$1' } credits: $2 with_names: "
      "true "
      "resume_after { epoch: $3 sequence: $4 } }",
      peer.session(), selector, credits,
      peer.Must(&ServerInfo::GetServer, "").epoch(), sequence);
}

TEST_P(BadInput, PlacesToResumeFrom) {
  peer().Write("out", "x");
  {
    WaitStream wait(peer(), "POLL");
    ASSERT_EQ(wait.Next(1), "in:1");
  }
  Await([&] { return !peer().Waiting("POLL"); }, "the wait is over");
  const std::pair<const char*, std::int64_t> rows[] = {
      {"POLL", 2},  // the future
      {"POLL", INT64_MAX}, {"POLL", -1},
      {"POLL", INT64_MIN}, {"SELECT", 1},  // of POLL
  };
  for (const auto& [selector, sequence] : rows) {
    SCOPED_TRACE(absl::StrCat(selector, " ", sequence));
    WaitStream wait(peer());

    wait.Send(Resume(peer(), selector, sequence));

    EXPECT_THAT(wait.Finish(),
                Fails(grpc::INVALID_ARGUMENT, "EINVAL", "SEQUENCE_NEVER_SENT"));
    EXPECT_FALSE(peer().Waiting(selector));
  }
  for (const std::int64_t credits : {-1, 0, 65}) {
    WaitStream wait(peer());

    wait.Send(Resume(peer(), "POLL", 0, credits));

    EXPECT_THAT(wait.Finish(),
                Fails(grpc::INVALID_ARGUMENT, "EINVAL", "BAD_CREDITS"));
  }

  // What they were refused over is still there.
  WaitStream wait(peer());
  wait.Send(Resume(peer(), "POLL", 0));
  EXPECT_EQ(wait.Next(1), "in:1");
}

TEST_P(BadInput, GrantsBeyondTheWindowAfterResuming) {
  peer().Write("out", "x");
  {
    WaitStream wait(peer(), "POLL");
    ASSERT_EQ(wait.Next(1), "in:1");
  }
  Await([&] { return !peer().Waiting("POLL"); }, "the wait is over");
  WaitStream wait(peer());
  wait.Send(Resume(peer(), "POLL", 0, 64));
  ASSERT_EQ(wait.Next(1), "in:1");

  wait.Grant(/*acknowledge=*/0);

  EXPECT_THAT(wait.Finish(),
              Fails(grpc::INVALID_ARGUMENT, "EINVAL", "BAD_CREDITS"));
}

TEST_P(BadInput, KeepAliveServesOneSession) {
  Peer other(address());
  grpc::ClientContext context;
  const auto stream = peer().stub<Sessions>()->KeepAlive(&context);
  v1::KeepAliveRequest request;
  v1::KeepAliveResponse response;
  request.set_session(peer().session());
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));

  request.set_session(other.session());
  stream->Write(request);

  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(stream->Finish(),
              Fails(grpc::INVALID_ARGUMENT, "EINVAL", "SESSION_CHANGED"));
}

}  // namespace
}  // namespace farpoll
