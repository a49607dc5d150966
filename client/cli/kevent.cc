#include "selector/kqueue/kevent.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/unique_fd.h"
#include "client/cli/failure.h"
#include "client/cli/follow.h"
#include "client/cli/kevent_spec.h"
#include "client/cli/line_source.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

constexpr std::int32_t kUsualRoom = 64;

struct Arguments {
  std::vector<std::string> changes;
  std::string changes_file;
  std::string queue;
  std::int32_t room = kUsualRoom;
  bool follow = false;
  std::int64_t count = 0;
};

// What is to be changed, and what words stand for numbers in it.
struct ChangeList {
  std::vector<NamedKevent> changes;
  IdentNames names;
};

absl::Status AddLinesOf(const std::string& path,
                        std::vector<std::string>* lines) {
  UniqueFd opened;
  int fd = STDIN_FILENO;
  if (path != "-") {
    opened.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    fd = opened.get();
    if (!opened.valid()) {
      return LocalError(
          absl::StrCat("cannot read ", path, ": ", ErrnoName(errno)));
    }
  }
  LineSource source(fd);
  for (;;) {
    const absl::StatusOr<absl::optional<std::string>> line = source.Next();
    if (!line.ok() || !line->has_value()) {
      return line.status();
    }
    if (!absl::StartsWith(**line, "#")) {
      lines->push_back(**line);
    }
  }
}

absl::StatusOr<ChangeList> ReadChanges(const Arguments& arguments) {
  std::vector<std::string> lines;
  if (!arguments.changes_file.empty()) {
    const absl::Status read = AddLinesOf(arguments.changes_file, &lines);
    if (!read.ok()) {
      return read;
    }
  }
  lines.insert(lines.end(), arguments.changes.begin(), arguments.changes.end());
  ChangeList list;
  for (const std::string& line : lines) {
    absl::StatusOr<NamedKevent> change = ParseKevent(line, &list.names);
    if (!change.ok()) {
      return change.status();
    }
    list.changes.push_back(*std::move(change));
  }
  return list;
}

bool IsRefusal(const NamedKevent& event) {
  return (event.kevent.flags & ev::kError) != 0 && event.kevent.data != 0;
}

absl::Status Control(Runtime& run, Selector& queue, const ChangeList& list,
                     std::int32_t room) {
  const auto events =
      queue.Control(list.changes, room, run.timeout_or(Timeout::Forever()));
  if (!events.ok()) {
    return events.status();
  }
  if (events->empty()) {
    return room == 0 ? absl::OkStatus() : Quietly(kExitTimeout);
  }
  Table table = {KeventHeaders(), {}};
  std::vector<Json> items;
  bool refused = false;
  for (const NamedKevent& event : *events) {
    refused = refused || IsRefusal(event);
    table.rows.push_back(KeventCells(event, list.names));
    items.push_back(KeventJson(event, list.names));
  }
  const absl::Status shown = run.out().List("kevents", items, table);
  if (!shown.ok() || !refused) {
    return shown;
  }
  run.out().Note("a change was refused: DATA says with what");
  return Quietly(kExitLocal);
}

absl::Status Follow(Runtime& run, Selector& queue, const ChangeList& list,
                    const Arguments& arguments) {
  const absl::Status changed =
      queue.Control(list.changes, 0, Timeout::Zero()).status();
  if (!changed.ok()) {
    return changed;
  }
  WaitOptions options;
  options.timeout = run.timeout_or(Timeout::Forever());
  options.max_events = arguments.room;
  absl::StatusOr<EventStream> stream = queue.WaitFor(options);
  if (!stream.ok()) {
    return stream.status();
  }
  std::int64_t shown = 0;
  std::int64_t reconnects = 0;
  while (const WaitResult* result = stream->Next()) {
    if (result->kevents.empty()) {
      return Quietly(kExitTimeout);
    }
    NoteReconnects(run, *stream, &reconnects);
    for (const NamedKevent& event : result->kevents) {
      const absl::Status row =
          run.out().Row(KeventJson(event, list.names), KeventHeaders(),
                        KeventCells(event, list.names));
      if (!row.ok() || ++shown == arguments.count) {
        return row;
      }
    }
  }
  const int signal = run.interrupt().signal();
  return signal == 0 ? stream->status() : Quietly(kExitSignalBase + signal);
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<ChangeList> list = ReadChanges(arguments);
  if (!list.ok()) {
    return list.status();
  }
  if (list->changes.empty() && arguments.queue.empty()) {
    return UsageError("give changes, --changes, or --queue");
  }
  if (arguments.follow && arguments.room == 0) {
    return UsageError("--follow needs --max above 0");
  }
  const absl::StatusOr<Session*> session = run.session_for_waiting();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<Selector> queue =
      arguments.queue.empty()
          ? (*session)->CreateSelector(v1::SELECTOR_KIND_KQUEUE)
          : absl::StatusOr<Selector>(
                (*session)->AttachSelector(arguments.queue));
  if (!queue.ok()) {
    return queue.status();
  }
  return arguments.follow ? Follow(run, *queue, *list, arguments)
                          : Control(run, *queue, *list, arguments.room);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("CHANGE", arguments->changes,
              "IDENT,FILTER[,FLAGS[,FFLAGS[,DATA[,UDATA]]]]; names in either "
              "case, joined by |");
  command
      .Add("--changes", arguments->changes_file,
           "read changes from here first, one a line; - is standard "
           "input, # begins a comment")
      .Type("FILE");
  command
      .Add("--queue", arguments->queue,
           "a kqueue that lasts (selector create --kind kqueue); without "
           "it, one is made for this call")
      .Type("SELECTOR");
  command
      .Add("--max", arguments->room,
           "room for events (64); 0 changes and does not wait")
      .NotNegative()
      .Type("N");
  command.AddFlag("--follow", arguments->follow,
                  "go on: one line an event, until Ctrl-C");
  command
      .Add("--count", arguments->count,
           "with --follow: end after this many events")
      .Positive()
      .Type("N");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb KeventVerb() {
  return {"kevent",
          groups::kWait,
          "kevent(2): changes in, events out",
          R"(  farpoll kevent in,READ --timeout 2s
  farpoll kevent 'in,READ,ADD|CLEAR' 'out,WRITE,ADD|ONESHOT' --follow
  farpoll kevent t,TIMER,ADD,,500 --follow --count 3    # every 500 ms
  farpoll kevent --queue q --max 0 'job,USER,ADD|CLEAR'
  farpoll kevent --queue q --max 0 job,USER,,NOTE_TRIGGER
)",
          "FLAGS is ADD when it is left out, - for none. IDENT is a handle by "
          "name or id; TIMER\nand USER take a number, or any word. A change "
          "that is refused shows as an event with\nERROR (exit 1). Nothing "
          "within --timeout exits 124.",
          &Declare};
}

}  // namespace farpoll::cli
