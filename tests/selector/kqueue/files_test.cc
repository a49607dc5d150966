// Kqueue.*: READ and WRITE on regular files, and VNODE.
// Source: docs/semantics.md section 6.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "tests/selector/kqueue/test_queue.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr std::uint32_t kAllNotes =
    note::kDelete | note::kWrite | note::kExtend | note::kAttrib | note::kLink |
    note::kRename | note::kOpen | note::kClose | note::kCloseWrite |
    note::kRead;

class KqueueFiles : public testing::Test {
 protected:
  std::string Path(const char* name) const {
    return folder_.path() + "/" + name;
  }
  UniqueFd Make(const char* name, const char* content = "") {
    UniqueFd file = Open(Path(name).c_str(), O_RDWR | O_CREAT);
    Write(file.get(), content);
    MustSucceed(static_cast<int>(lseek(file.get(), 0, SEEK_SET)), "lseek");
    return file;
  }
  absl::Status Watch(int fd, std::uint32_t notes, std::uint16_t mode) {
    return queue_.Change(fd, evfilt::kVnode,
                         static_cast<std::uint16_t>(ev::kAdd | mode), notes);
  }
  // The notes of the one event there is; 0 for none.
  std::uint32_t Notes() {
    const std::vector<Kevent> events = queue_.Now();
    EXPECT_LE(events.size(), 1u);
    return events.empty() ? 0 : events[0].fflags;
  }

  TemporaryFolder folder_;
  TestQueue queue_;
};

TEST(Kqueue, FileOffset) {
  TestQueue queue;
  const UniqueFd file = TemporaryFile("hello");
  ASSERT_THAT(queue.Add(file.get(), evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), ElementsAre(HasData(file.get(), evfilt::kRead, 5)));
  Read(file.get(), 2);
  EXPECT_THAT(queue.Now(), ElementsAre(HasData(file.get(), evfilt::kRead, 3)));
  Read(file.get());
  EXPECT_THAT(queue.Now(), IsEmpty());

  MustSucceed(ftruncate(file.get(), 9), "ftruncate");
  EXPECT_THAT(queue.Now(), ElementsAre(HasData(file.get(), evfilt::kRead, 4)));

  MustSucceed(ftruncate(file.get(), 3), "ftruncate");
  EXPECT_THAT(queue.Now(), ElementsAre(HasData(file.get(), evfilt::kRead, -2)));
}

TEST(Kqueue, FilePoll) {
  TestQueue queue;
  const UniqueFd file = TemporaryFile("");
  ASSERT_THAT(
      queue.Change(file.get(), evfilt::kRead, ev::kAdd, note::kFilePoll),
      IsOk());

  EXPECT_THAT(queue.Now(), ElementsAre(HasData(file.get(), evfilt::kRead, 0)));
  EXPECT_THAT(queue.Now(), SizeIs(1));
}

TEST(Kqueue, FileWritable) {
  TestQueue queue;
  const UniqueFd file = TemporaryFile("");
  ASSERT_THAT(queue.Add(file.get(), evfilt::kWrite), IsOk());

  EXPECT_THAT(queue.Now(), ElementsAre(HasData(file.get(), evfilt::kWrite, 0)));
}

TEST(Kqueue, FileGrowthEndsAWait) {
  TestQueue queue;
  const UniqueFd file = TemporaryFile("");
  ASSERT_THAT(queue.Add(file.get(), evfilt::kRead, ev::kClear), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  MustSucceed(ftruncate(file.get(), 1), "ftruncate");

  EXPECT_THAT(queue.Await(), SizeIs(1));
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST_F(KqueueFiles, ClosedFileIsSilent) {
  UniqueFd file = Make("a", "x");
  const int number = file.get();
  ASSERT_THAT(queue_.Add(number, evfilt::kRead), IsOk());
  ASSERT_THAT(Watch(number, kAllNotes, ev::kClear), IsOk());
  file = Make("b", "other");
  ASSERT_EQ(DuplicateTo(file.get(), number).Release(), number);
  const UniqueFd reused(number);

  EXPECT_THAT(queue_.Now(), IsEmpty());
  EXPECT_THAT(queue_.Change(number, evfilt::kRead, ev::kDelete),
              HasErrno(ENOENT));
  EXPECT_THAT(queue_.Change(number, evfilt::kVnode, ev::kEnable),
              HasErrno(ENOENT));
}

TEST(Kqueue, FileUnlinkedRenamed) {
  TestQueue queue;
  const TemporaryFolder folder;
  const std::string before = folder.path() + "/before";
  const std::string after = folder.path() + "/after";
  const UniqueFd file = Open(before.c_str(), O_RDWR | O_CREAT);
  ASSERT_THAT(queue.Add(file.get(), evfilt::kRead), IsOk());

  MustSucceed(rename(before.c_str(), after.c_str()), "rename");
  MustSucceed(unlink(after.c_str()), "unlink");
  EXPECT_THAT(queue.Now(), IsEmpty());
  MustSucceed(ftruncate(file.get(), 4), "ftruncate");

  EXPECT_THAT(queue.Now(), ElementsAre(HasData(file.get(), evfilt::kRead, 4)));
}

// The catalogue's name for what the fixture below shows one by one.
TEST(Kqueue, VnodeNotes) {
  TestQueue queue;
  const TemporaryFolder folder;
  const std::string name = folder.path() + "/file";
  const std::string second = folder.path() + "/second";
  const std::string third = folder.path() + "/third";
  const UniqueFd file = Open(name.c_str(), O_RDWR | O_CREAT);
  ASSERT_THAT(queue.Change(file.get(), evfilt::kVnode, ev::kAdd | ev::kClear,
                           note::kDelete | note::kWrite | note::kExtend |
                               note::kAttrib | note::kLink | note::kRename),
              IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  Write(file.get(), "x");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kWrite | note::kExtend)));
  MustSucceed(static_cast<int>(pwrite(file.get(), "y", 1, 0)), "pwrite");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kWrite)));
  MustSucceed(fchmod(file.get(), 0644), "fchmod");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kAttrib)));
  MustSucceed(link(name.c_str(), second.c_str()), "link");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kLink)));
  MustSucceed(rename(name.c_str(), third.c_str()), "rename");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kRename)));
  MustSucceed(unlink(second.c_str()), "unlink");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kDelete)));
  MustSucceed(unlink(third.c_str()), "unlink");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kDelete)));
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST_F(KqueueFiles, OpenReadClose) {
  const UniqueFd file = Make("a", "content");
  ASSERT_THAT(
      Watch(file.get(),
            note::kOpen | note::kClose | note::kCloseWrite | note::kRead,
            ev::kClear),
      IsOk());

  UniqueFd reader = Open(Path("a").c_str(), O_RDONLY);
  EXPECT_EQ(Notes(), note::kOpen);
  Read(reader.get());
  EXPECT_EQ(Notes(), note::kRead);
  reader.Reset();
  EXPECT_EQ(Notes(), note::kClose);
  UniqueFd writer = Open(Path("a").c_str(), O_WRONLY);
  EXPECT_EQ(Notes(), note::kOpen);
  writer.Reset();
  EXPECT_EQ(Notes(), note::kCloseWrite);
}

TEST_F(KqueueFiles, OnlyWhatIsAsked) {
  const UniqueFd file = Make("a");
  ASSERT_THAT(Watch(file.get(), note::kRename, ev::kClear), IsOk());
  Write(file.get(), "x");
  EXPECT_EQ(Notes(), 0u);

  // Another knote of the same inode does not widen it.
  const UniqueFd again = Open(Path("a").c_str(), O_RDONLY);
  ASSERT_THAT(Watch(again.get(), note::kWrite, ev::kClear), IsOk());
  Write(file.get(), "y");
  EXPECT_THAT(queue_.Now(), ElementsAre(IsOf(again.get(), evfilt::kVnode)));

  ASSERT_THAT(queue_.Change(again.get(), evfilt::kVnode, ev::kDelete), IsOk());
  MustSucceed(rename(Path("a").c_str(), Path("b").c_str()), "rename");
  EXPECT_THAT(queue_.Now(), ElementsAre(IsOf(file.get(), evfilt::kVnode)));
}

TEST(Kqueue, VnodeAccumulates) {
  TestQueue queue;
  const UniqueFd file = TemporaryFile("");
  ASSERT_THAT(queue.Change(file.get(), evfilt::kVnode, ev::kAdd | ev::kClear,
                           kAllNotes),
              IsOk());

  Write(file.get(), "x");
  MustSucceed(fchmod(file.get(), 0600), "fchmod");

  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kWrite | note::kExtend |
                                                note::kAttrib)));
}

TEST(Kqueue, VnodeRenameOver) {
  TestQueue queue;
  const TemporaryFolder folder;
  const std::string source = folder.path() + "/source";
  const std::string target = folder.path() + "/target";
  const UniqueFd from = Open(source.c_str(), O_RDWR | O_CREAT);
  const UniqueFd to = Open(target.c_str(), O_RDWR | O_CREAT);
  ASSERT_THAT(queue.Change(from.get(), evfilt::kVnode, ev::kAdd | ev::kClear,
                           kAllNotes),
              IsOk());
  ASSERT_THAT(
      queue.Change(to.get(), evfilt::kVnode, ev::kAdd | ev::kClear, kAllNotes),
      IsOk());

  MustSucceed(rename(source.c_str(), target.c_str()), "rename");

  EXPECT_THAT(
      queue.Now(),
      UnorderedElementsAre(
          AllOf(IsOf(from.get(), evfilt::kVnode), HasNotes(note::kRename)),
          AllOf(IsOf(to.get(), evfilt::kVnode), HasNotes(note::kDelete))));
}

TEST(Kqueue, VnodeDirectory) {
  TestQueue queue;
  const TemporaryFolder folder;
  const UniqueFd directory = Open(folder.path().c_str(), O_RDONLY);
  ASSERT_THAT(
      queue.Change(directory.get(), evfilt::kVnode, ev::kAdd | ev::kClear,
                   note::kWrite | note::kLink | note::kDelete),
      IsOk());

  UniqueFd child = Open((folder.path() + "/child").c_str(), O_RDWR | O_CREAT);
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kWrite)));
  Write(child.get(), "a file's own affair");
  EXPECT_THAT(queue.Now(), IsEmpty());
  MustSucceed(mkdir((folder.path() + "/sub").c_str(), 0700), "mkdir");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kWrite | note::kLink)));
  MustSucceed(rmdir((folder.path() + "/sub").c_str()), "rmdir");
  EXPECT_THAT(queue.Now(), ElementsAre(HasNotes(note::kWrite | note::kLink)));
}

TEST(Kqueue, VnodePipe) {
  TestQueue queue;
  const Pipe pipe;

  EXPECT_THAT(
      queue.Change(pipe.reader(), evfilt::kVnode, ev::kAdd, note::kWrite),
      HasErrno(EINVAL));
}

TEST_F(KqueueFiles, LevelStaysUntilDeleted) {
  const UniqueFd file = Make("a");
  ASSERT_THAT(Watch(file.get(), note::kWrite, 0), IsOk());
  Write(file.get(), "x");

  EXPECT_EQ(Notes(), note::kWrite);
  EXPECT_EQ(Notes(), note::kWrite);
}

// More events than the kernel keeps (fs.inotify.max_queued_events).
void OverflowInotify(int a, int b) {
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  long most = 0;
  limit >> most;
  ASSERT_GT(most, 0);
  for (long i = 0; i <= most; i += 2) {  // those alike in a row count once
    Write(a, "a");
    Write(b, "b");
  }
}

TEST(Kqueue, AnOverflowLosesNoFile) {
  TestQueue queue;
  const UniqueFd a = TemporaryFile("");
  const UniqueFd b = TemporaryFile("");
  const UniqueFd quiet = TemporaryFile("");
  const UniqueFd grown = TemporaryFile("");
  for (const UniqueFd* const file : {&a, &b, &quiet, &grown}) {
    ASSERT_THAT(queue.Change(file->get(), evfilt::kVnode, ev::kAdd | ev::kClear,
                             note::kWrite | note::kExtend),
                IsOk());
  }
  ASSERT_THAT(queue.Add(grown.get(), evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  OverflowInotify(a.get(), b.get());
  ASSERT_EQ(pwrite(grown.get(), "x", 1, 0), 1);

  const std::vector<Kevent> events = queue.Now();
  EXPECT_THAT(events, Contains(HasData(grown.get(), evfilt::kRead, 1)));
  EXPECT_THAT(events, Contains(AllOf(IsOf(grown.get(), evfilt::kVnode),
                                     HasNotes(note::kWrite | note::kExtend))));
  // Nobody knows that nothing happened to it.
  EXPECT_THAT(events, Contains(AllOf(IsOf(quiet.get(), evfilt::kVnode),
                                     HasNotes(note::kWrite))));
}

}  // namespace
}  // namespace farpoll
