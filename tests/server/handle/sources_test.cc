// tests/server/handle/sources_test.cc: room: tests. Timers, counters, files and
// watches.
// Source: timerfd_create(2), eventfd(2), openat2(2), inotify(7).
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/handle/counter.h"
#include "server/handle/file.h"
#include "server/handle/path_watch.h"
#include "server/handle/timer.h"
#include "tests/server/handle/handle_fixture.h"
#include "tests/support/descriptor_limit.h"

namespace farpoll::server {
namespace {

using testing::Contains;
using testing::Field;

std::uint64_t CountOf(Handle& handle) {
  const ReadResult result = Must(TryRead(handle));
  EXPECT_EQ(result.outcome, ReadResult::Outcome::kData);
  return result.count;
}

// ---- Timers.

TEST(Timer, ExpiresOnce) {
  Handle timer = Must(MakeTimer({.after = absl::Milliseconds(1)}));

  Await(timer, kIn);

  EXPECT_EQ(CountOf(timer), 1u);
  EXPECT_EQ(Take(timer), "(would block)");
  EXPECT_EQ(DescribeTimer(timer).left, absl::ZeroDuration());
  EXPECT_EQ(DescribeTimer(timer).every, absl::ZeroDuration());
}

TEST(Timer, WhatIsDueExpiresAtOnce) {
  for (const TimerSpec& spec :
       {TimerSpec{.after = absl::ZeroDuration()}, TimerSpec{.at = absl::Now()},
        TimerSpec{.at = absl::UnixEpoch()},
        TimerSpec{.at = absl::InfinitePast()}}) {
    Handle timer = Must(MakeTimer(spec));
    EXPECT_EQ(Await(timer, kIn), kIn);
  }
}

TEST(Timer, WaitsForATimeOfTheWallClock) {
  Handle timer = Must(MakeTimer({.at = absl::Now() + absl::Hours(1)}));
  const TimerState state = DescribeTimer(timer);

  EXPECT_EQ(Take(timer), "(would block)");
  EXPECT_GT(state.left, absl::Minutes(59));
  EXPECT_LE(state.left, absl::Hours(1));
}

TEST(Timer, CountsItsPeriods) {
  Handle timer = Must(MakeTimer(
      {.after = absl::ZeroDuration(), .every = absl::Microseconds(100)}));
  std::uint64_t count = 0;
  while (count < 10) {
    Await(timer, kIn);
    count += CountOf(timer);
  }
  EXPECT_EQ(DescribeTimer(timer).every, absl::Microseconds(100));
}

TEST(Timer, APeriodAloneIsAlsoTheFirstSpan) {
  const Handle timer = Must(MakeTimer({.every = absl::Hours(1)}));
  EXPECT_GT(DescribeTimer(timer).left, absl::Minutes(59));
}

TEST(Timer, BadTimesAreRefused) {
  for (const TimerSpec& spec : {
           TimerSpec{},
           TimerSpec{.after = absl::Nanoseconds(-1)},
           TimerSpec{.after = absl::InfiniteDuration()},
           TimerSpec{.after = absl::Hours(24 * 365 * 300)},
           TimerSpec{.after = absl::Seconds(1), .at = absl::Now()},
           TimerSpec{.at = absl::InfiniteFuture()},
           TimerSpec{.every = absl::ZeroDuration()},
           TimerSpec{.every = absl::Seconds(-1)},
           TimerSpec{.every = absl::InfiniteDuration()},
           TimerSpec{.after = absl::Seconds(1), .every = absl::ZeroDuration()},
       }) {
    EXPECT_EQ(ReasonOf(MakeTimer(spec)), "BAD_TIMER");
    EXPECT_THAT(MakeTimer(spec), HasErrno(EINVAL));
  }
}

TEST(Timer, GivesNoBytes) {
  Handle timer = Must(MakeTimer({.after = absl::ZeroDuration()}));
  EXPECT_THAT(WriteSome(timer, {.data = "x"}), HasErrno(EBADF));
  EXPECT_EQ(ReasonOf(ReadSome(timer, {.max_bytes = 8, .peek = true})),
            "CANNOT_PEEK");
}

// ---- Counters.

TEST(Counter, GivesAllAtOnce) {
  Handle counter = Must(MakeCounter(2, /*semaphore=*/false));
  EXPECT_EQ(SampleReadiness(counter), kIn | kOut);

  EXPECT_THAT(WriteSome(counter, {.count = 3}), IsOk());

  EXPECT_EQ(CountOf(counter), 5u);
  EXPECT_EQ(Take(counter), "(would block)");
  EXPECT_EQ(SampleReadiness(counter), kOut);
}

TEST(Counter, AsASemaphoreGivesOneByOne) {
  Handle counter = Must(MakeCounter(2, /*semaphore=*/true));
  EXPECT_EQ(CountOf(counter), 1u);
  EXPECT_EQ(CountOf(counter), 1u);
  EXPECT_EQ(Take(counter), "(would block)");
}

TEST(Counter, IsFullAtItsMost) {
  Handle counter = Must(MakeCounter(kMaxCount - 1, /*semaphore=*/false));
  EXPECT_FALSE(Must(WriteSome(counter, {.count = 1})).would_block);
  EXPECT_EQ(SampleReadiness(counter), kIn);
  EXPECT_TRUE(Must(WriteSome(counter, {.count = 1})).would_block);
  EXPECT_FALSE(Must(WriteSome(counter, {.count = 0})).would_block);
  EXPECT_EQ(CountOf(counter), kMaxCount);
}

TEST(Counter, WhatIsNoCountIsRefused) {
  Handle counter = Must(MakeCounter(0, /*semaphore=*/false));
  EXPECT_EQ(ReasonOf(MakeCounter(kMaxCount + 1, false)), "BAD_COUNT");
  EXPECT_EQ(ReasonOf(WriteSome(counter, {.count = kMaxCount + 1})),
            "BAD_COUNT");
  EXPECT_EQ(ReasonOf(WriteSome(counter, {.data = "12345678"})), "BAD_CONTENT");
  EXPECT_EQ(ReasonOf(WriteSome(counter, {})), "BAD_CONTENT");
  HandlePair pipe = WrapPipe();
  EXPECT_EQ(ReasonOf(WriteSome(pipe.second, {.count = 1})), "BAD_CONTENT");
}

// ---- Files.

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    mkdir(Full("root").c_str(), 0700);
    mkdir(Full("root/folder").c_str(), 0700);
    Make("root/file", "content");
    Make("secret", "secret");
    symlink("file", Full("root/inner").c_str());
    symlink("../secret", Full("root/outer").c_str());
    symlink("..", Full("root/up").c_str());
  }

  std::string Full(const std::string& name) {
    return folder_.path() + "/" + name;
  }
  void Make(const std::string& name, absl::string_view content) {
    const UniqueFd file(creat(Full(name).c_str(), 0600));
    Write(file.get(), content);
  }
  // Beneath the root.
  RootedPath In(const std::string& relative) {
    return {Full("root"), relative};
  }
  // Anywhere.
  RootedPath Free(const std::string& name) {
    return {"/", Full(name).substr(1)};
  }

  TemporaryFolder folder_;
};

TEST_F(FilesTest, AreAlwaysReadyAndEnd) {
  for (const RootedPath& path : {In("file"), Free("root/file")}) {
    Handle file = Must(OpenFile(path, {}));
    EXPECT_EQ(SampleReadiness(file) & (kIn | kOut), kIn | kOut);
    EXPECT_EQ(Peek(file, 3), "con");
    EXPECT_EQ(Take(file, 3), "con");
    EXPECT_EQ(Peek(file), "tent");
    EXPECT_EQ(ReadableBytes(file), 4);
    EXPECT_EQ(Take(file), "tent");
    EXPECT_EQ(Take(file), "(end)");
    EXPECT_EQ(Peek(file), "(end)");
    EXPECT_EQ(file.path, Full("root/file"));
    EXPECT_THAT(WriteSome(file, {.data = "x"}), HasErrno(EBADF));
  }
}

TEST_F(FilesTest, AreWrittenAsAsked) {
  const auto content = [&] {
    Handle file = Must(OpenFile(In("file"), {}));
    return Take(file);
  };
  const auto write = [&](FileOptions options, absl::string_view data) {
    options.write = true;
    Handle file = Must(OpenFile(In("file"), options));
    EXPECT_EQ(Put(file, data), data.size());
  };
  write({}, "C");
  EXPECT_EQ(content(), "Content");
  write({.append = true}, "!");
  EXPECT_EQ(content(), "Content!");
  write({.truncate = true}, "new");
  EXPECT_EQ(content(), "new");
  write({.create = true}, "N");
  EXPECT_EQ(content(), "New");
}

TEST_F(FilesTest, AreMadeForTheirUserAlone) {
  const FileOptions make{
      .read = true, .write = true, .create = true, .exclusive = true};
  Handle file = Must(OpenFile(In("new"), make));
  EXPECT_EQ(Put(file, "x"), 1u);
  struct stat status {};
  ASSERT_EQ(fstat(file.fd.get(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_THAT(OpenFile(In("new"), make), HasErrno(EEXIST));
  EXPECT_THAT(OpenFile(In("other"), {.write = true, .create = true}), IsOk());
}

TEST_F(FilesTest, NothingLeadsOutOfTheRoot) {
  for (const char* const path :
       {"outer", "up/secret", "../secret", "folder/../../secret", "inner",
        "/etc/passwd"}) {
    for (const FileOptions& options :
         {FileOptions{}, FileOptions{.write = true, .create = true}}) {
      EXPECT_EQ(ReasonOf(OpenFile(In(path), options)), "PATH_ESCAPES") << path;
      EXPECT_THAT(OpenFile(In(path), options),
                  StatusIs(absl::StatusCode::kPermissionDenied));
    }
    EXPECT_EQ(ReasonOf(WatchPath(In(path), 0)), "PATH_ESCAPES") << path;
  }
  EXPECT_THAT(OpenFile(Free("root/outer"), {}), IsOk());
}

TEST_F(FilesTest, OnlyFilesAndFifosAreOpened) {
  EXPECT_THAT(OpenFile(In("folder"), {}), HasErrno(EISDIR));
  EXPECT_THAT(OpenFile(In("."), {}), HasErrno(EISDIR));
  EXPECT_THAT(OpenFile(In("none"), {}), HasErrno(ENOENT));
  EXPECT_THAT(OpenFile(In("file/none"), {}), HasErrno(ENOTDIR));
  EXPECT_EQ(ReasonOf(OpenFile({"/dev", "null"}, {})), "NOT_A_FILE");
  Handle null = Must(OpenFile({"/", "dev/null"}, {.read = true}));
  EXPECT_EQ(Take(null), "(end)");
}

TEST_F(FilesTest, OptionsThatContradictAreRefused) {
  for (const FileOptions& options :
       {FileOptions{.append = true}, FileOptions{.truncate = true},
        FileOptions{.create = true},
        FileOptions{.write = true, .exclusive = true}}) {
    EXPECT_EQ(ReasonOf(OpenFile(In("file"), options)), "BAD_OPEN");
  }
}

TEST_F(FilesTest, AFifoIsOpenedWithoutItsOtherEnd) {
  ASSERT_EQ(mkfifo(Full("root/fifo").c_str(), 0600), 0);
  EXPECT_EQ(ReasonOf(OpenFile(In("fifo"), {.write = true})), "NO_READER");

  Handle reader = Must(OpenFile(In("fifo"), {}));
  EXPECT_EQ(SampleReadiness(reader), 0);
  Handle writer = Must(OpenFile(In("fifo"), {.write = true}));
  EXPECT_EQ(Put(writer, "word"), 4u);
  EXPECT_EQ(Peek(reader), "word");
  EXPECT_EQ(Take(reader), "word");
  EXPECT_EQ(Take(reader), "(would block)");
}

TEST_F(FilesTest, OfUnknownSizeAreReadWhole) {
  Handle file = Must(OpenFile({"/", "proc/self/status"}, {}));
  EXPECT_GT(Take(file).size(), 100u);
}

// ---- Watches.

TEST_F(FilesTest, AWatchedFolderTellsWhatHappens) {
  Handle watch = Must(WatchPath(In("."), 0));
  EXPECT_EQ(Take(watch), "(would block)");

  Make("root/new", "x");
  rename(Full("root/new").c_str(), Full("root/renamed").c_str());
  mkdir(Full("root/sub").c_str(), 0700);
  unlink(Full("root/renamed").c_str());

  EXPECT_EQ(SampleReadiness(watch), kIn | kReadNormal);
  const std::vector<PathEvent> events = Must(TryRead(watch)).path_events;
  const auto has = [&](std::uint32_t bits, const std::string& name) {
    EXPECT_THAT(events,
                Contains(testing::AllOf(Field(&PathEvent::bits, bits),
                                        Field(&PathEvent::name, name))));
  };
  has(IN_CREATE, "new");
  has(IN_CLOSE_WRITE, "new");
  has(IN_MOVED_FROM, "new");
  has(IN_MOVED_TO, "renamed");
  has(IN_CREATE | IN_ISDIR, "sub");
  has(IN_DELETE, "renamed");
  EXPECT_EQ(Take(watch), "(would block)");
}

TEST_F(FilesTest, AWatchedFileTellsOfItself) {
  Handle watch = Must(WatchPath(In("file"), IN_MODIFY | IN_DELETE_SELF));

  Make("root/file", "other");
  unlink(Full("root/file").c_str());

  std::uint32_t seen = 0;
  for (const PathEvent& event : Must(TryRead(watch)).path_events) {
    EXPECT_EQ(event.name, "");
    seen |= event.bits;
  }
  EXPECT_EQ(seen, static_cast<std::uint32_t>(IN_MODIFY | IN_DELETE_SELF |
                                             IN_IGNORED));
}

TEST_F(FilesTest, AWatchGivesOneEventAtLeast) {
  Handle watch = Must(WatchPath(In("."), IN_CREATE));
  Make("root/" + std::string(255, 'a'), "");
  Make("root/" + std::string(255, 'b'), "");

  EXPECT_EQ(Must(TryRead(watch, 1)).path_events.size(), 1u);
  EXPECT_EQ(Must(TryRead(watch, 1)).path_events.size(), 1u);
  EXPECT_EQ(Take(watch, 1), "(would block)");
}

TEST_F(FilesTest, BadWatchesAreRefused) {
  EXPECT_EQ(ReasonOf(WatchPath(In("."), IN_ONESHOT)), "BAD_EVENTS");
  EXPECT_EQ(ReasonOf(WatchPath(In("."), 0x80000000u)), "BAD_EVENTS");
  EXPECT_THAT(WatchPath(In("none"), 0), HasErrno(ENOENT));
}

TEST_F(FilesTest, AFullTableIsSaid) {
  const auto statuses = [&]() -> std::vector<absl::Status> {
    const DescriptorLimit limit(3);
    return {MakeTimer({.after = absl::Seconds(1)}).status(),
            MakeCounter(0, false).status(), OpenFile(In("file"), {}).status(),
            OpenFile(Free("root/file"), {}).status(),
            WatchPath(In("file"), 0).status()};
  };
  // Outside of the limit: UBSan checks matchers by descriptors of its own.
  for (const absl::Status& status : statuses()) {
    EXPECT_THAT(status, HasErrno(EMFILE));
  }
}

}  // namespace
}  // namespace farpoll::server
