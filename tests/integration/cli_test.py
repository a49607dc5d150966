#!/usr/bin/python3
"""The command line against the real server: every verb, every exit code.

usage: cli_test.py FARPOLL FARPOLLD
Source: docs/cli.md. No sleeps: what comes is awaited with a deadline, and what
must not come is asserted after something that comes later.
"""
import json
import os
import pty
import signal
import subprocess
import sys
import unittest

from tests.integration.cli_fixture import CliCase, DEADLINE, FARPOLL, Relay, Server


class CliTest(CliCase):
    # ---- Sessions and contexts.

    def test_session_has_a_life(self):
        error = self.fails(67, "session", "create", "--ttl", "90000h",
                           "--name", "x")
        self.assertIn("INVALID_ARGUMENT", error)
        made = self.ok("session", "create", "--ttl", "2m", "--name", "other")
        identity = made.strip()
        self.assertRegex(identity, "^[0-9a-f]{32}$")
        names = [s["name"] for s in self.json("session", "list")["sessions"]]
        self.assertIn("other", names)
        self.assertEqual(self.json("session", "show", "other")["id"], identity)
        self.assertEqual(self.json("session", "renew", identity)["ttl"],
                         "120s")
        self.ok("session", "close", "other")
        self.assertIn("hint: farpoll session list",
                      self.fails(69, "session", "show", "other"))

    def test_session_use_is_remembered_with_its_server(self):
        self.ok("session", "use", self.session)
        del self.env["FARPOLL_SESSION"]
        self.ok("pipe", "in", "out")
        self.assertIn("no session is in use",
                      self.fails(1, "list", "--addr", "unix:/elsewhere"))
        self.ok("session", "close")
        self.assertIn("no session is in use", self.fails(1, "list"))

    def test_making_verbs_make_a_session_and_say_so(self):
        self.without_session()
        code, _, error = self.run_it("pipe", "in", "out")
        self.assertEqual(code, 0)
        self.assertIn("session default, remembered", error)
        self.assertEqual(len(self.json("list")["handles"]), 2)
        self.ok("session", "close", "default")
        code, _, error = self.run_it("selector", "create", "sel")
        self.assertEqual(code, 0)
        self.assertIn("made session default", error)
        self.ok("session", "close")

    def test_context_keeps_what_flags_say(self):
        del self.env["FARPOLL_ADDR"]
        self.ok("context", "create", "lab", "--addr", self.server.address,
                "-o", "jsonl", "--session", self.session)
        del self.env["FARPOLL_SESSION"]
        self.ok("context", "use", "lab")
        self.assertIn('"serverApi":"v1"', self.ok("version"))
        self.assertEqual(self.ok("list"), "")
        shown = self.ok("context", "show", "--origin", "-o", "table")
        self.assertRegex(shown, r"address +unix:\S+ +context lab")
        self.assertRegex(shown, r"output +table +--output")
        self.assertEqual(self.json("context", "list")["contexts"][0]["name"],
                         "lab")
        mode = os.stat(self.home + "/config/farpoll/contexts.textproto").st_mode
        self.assertEqual(mode & 0o777, 0o600)
        self.fails(1, "context", "create", "lab")
        self.ok("context", "delete", "lab")
        self.assertIn("no context 'lab'", self.fails(1, "context", "use", "lab"))

    def test_broken_contexts_file_is_named_with_its_line(self):
        os.makedirs(self.home + "/config/farpoll")
        path = self.home + "/config/farpoll/contexts.textproto"
        with open(path, "w") as out:
            out.write('current: "a"\nnonsense: 1\n')
        self.assertIn(path + ":2:", self.fails(1, "list"))

    # ---- Handles.

    def test_pipe_carries_bytes(self):
        made = self.json("pipe", "in", "out", "--capacity", "4096")
        self.assertEqual(made["reader"]["kind"], "HANDLE_KIND_PIPE_READER")
        self.assertEqual(made["writer"]["ready"], ["WRITE", "WRITE_NORMAL"])
        error = self.fails(3, "read", "in")
        self.assertIn("hint: farpoll wait in:r", error)
        self.ok("write", "out", "hello")
        self.assertEqual(self.json("describe", "in")["readableBytes"], "5")
        self.assertIn("in", self.ok("describe", "in"))
        self.assertEqual(self.ok("read", "in", "-n", "2"), "he")
        self.assertEqual(self.json("read", "in")["data"], "bGxv")
        self.ok("write", "out", "-", "--close-after", stdin=b"\0\xff\n")
        done = subprocess.run([FARPOLL, "read", "in"], env=self.env,
                              capture_output=True, timeout=DEADLINE)
        self.assertEqual(done.stdout, b"\0\xff\n")
        code, out, error = self.run_it("read", "in")
        self.assertEqual((code, out), (0, ""))
        self.assertIn("end of file", error)

    def test_write_without_room_says_how_much_went_in(self):
        self.ok("pipe", "in", "out", "--capacity", "4096")
        error = self.fails(3, "write", "out", "x" * 5000)
        self.assertIn("wrote 4096 of 5000 bytes", error)

    def test_write_from_stdin_waits_for_room_and_follow_reads_all(self):
        self.ok("pipe", "in", "out", "--capacity", "4096")
        reader = self.start("read", "in", "--follow")
        self.ok("write", "out", "-", "--close-after", stdin=b"y" * 50000)
        out, _ = reader.process.communicate(timeout=DEADLINE)
        self.assertEqual(reader.process.returncode, 0)
        self.assertEqual(out, b"y" * 50000)

    def test_write_to_a_pipe_without_reader_fails(self):
        self.ok("pipe", "in", "out")
        self.ok("close", "in")
        error = self.fails(73, "write", "out", "x")
        self.assertIn("[FAILED_PRECONDITION EPIPE", error)

    def test_pass_hands_a_descriptor_over(self):
        made = json.loads(self.ok("pass", "log", "--fd", "0", "-o", "json",
                                  stdin=b"piped"))
        self.assertEqual(made["kind"], "HANDLE_KIND_PASSED")
        self.assertEqual(self.ok("read", "log"), "piped")
        self.fails(64 + 6, "pass", "log", "--fd", "0")
        self.fails(2, "pass", "other")

    def test_pass_hands_over_only_what_the_program_was_started_with(self):
        # Numbers that the program itself opens something under.
        for number in range(3, 20):
            error = self.fails(2, "pass", "own", "--fd", str(number))
            self.assertIn("--fd %d" % number, error)
        self.assertEqual(self.json("list")["handles"], [])

    def with_closed(self, redirection, *words):
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" ' + redirection, "sh", FARPOLL,
             *words],
            input=b"", capture_output=True, timeout=DEADLINE, env=self.env)
        return done.returncode, done.stderr.decode()

    def test_closed_standard_descriptors_are_told_and_hang_nobody(self):
        self.ok("pipe", "in", "out")
        code, error = self.with_closed("<&-", "write", "out", "-")
        self.assertNotEqual(code, 0)
        self.assertIn("Bad file descriptor", error)
        code, error = self.with_closed(">&-", "list")
        self.assertNotEqual(code, 0)
        self.assertIn("Bad file descriptor", error)
        code, _ = self.with_closed("2>&-", "list")
        self.assertEqual(code, 0)
        code, error = self.with_closed("<&-", "pass", "log", "--fd", "0")
        self.assertEqual(code, 2, error)

    def test_pass_in_weak_custody_leaves_the_file_with_its_holder(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        self.ok("selector", "create", "watch")
        passing = self.start("pass", "log", "--fd", "0", "--weak", "watch:r",
                             stdin=reader)
        passing.process.communicate(timeout=DEADLINE)
        self.assertEqual(passing.process.returncode, 0)
        os.write(writer, b"x")
        self.assertIn("log", self.ok("poll", "watch"))
        self.assertIn("EBADF", self.fails(73, "read", "log"))
        self.fails(2, "pass", "more", "--fd", "0", "--weak", "watch:r,level")

    def test_socketpair_shuts_down(self):
        self.ok("socketpair", "a", "b", "--type", "stream")
        self.ok("write", "a", "ping")
        self.assertEqual(self.ok("read", "b"), "ping")
        self.ok("shutdown", "a", "w")
        self.assertEqual(self.ok("read", "b"), "")
        self.ok("write", "b", "-", "--close-after", stdin=b"bye")
        self.assertEqual(self.ok("read", "a"), "bye")
        self.ok("close", "a", "b")
        self.assertEqual(self.json("list")["handles"], [])
        self.ok("pipe", "in", "out")
        self.assertIn("ENOTSOCK", self.fails(67, "shutdown", "in", "r"))

    def test_listen_connect_accept(self):
        door = self.json("listen", "door", "127.0.0.1:0")["handle"]
        self.assertEqual(door["kind"], "HANDLE_KIND_LISTENER")
        self.assertIn("hint: farpoll wait door:r",
                      self.fails(3, "accept", "server", "door"))
        self.ok("connect", "client", door["socket"]["local"])
        self.ok("wait", "door:r", "client:w", "--all")
        self.ok("accept", "server", "door")
        self.assertIn("connected", self.ok("describe", "client"))
        self.ok("write", "client", "hi")
        self.ok("wait", "server:r")
        self.assertEqual(self.ok("read", "server", "--peek"), "hi")
        self.assertEqual(self.ok("read", "server"), "hi")
        self.ok("write", "client", "!", "--urgent")
        self.ok("wait", "server:p")
        self.assertEqual(self.ok("read", "server", "--urgent"), "!")
        self.ok("write", "client", "-", "--close-after", stdin=b"bye")
        reader = self.start("read", "server", "--follow")
        self.assertEqual(reader.process.communicate(timeout=DEADLINE)[0],
                         b"bye")
        self.assertIn("EADDRINUSE", self.fails(
            73, "listen", "again", door["socket"]["local"]))
        self.assertIn("BAD_ADDRESS", self.fails(67, "listen", "x", "nowhere"))
        self.assertIn("BAD_BACKLOG", self.fails(
            67, "listen", "x", "127.0.0.1:0", "--backlog", "-1"))

    def test_refused_connection_says_why(self):
        door = self.json("listen", "door", "127.0.0.1:0")["handle"]
        self.ok("close", "door")
        self.ok("connect", "client", door["socket"]["local"])
        # Showing what was made may have taken the error already.
        self.assertRegex(self.ok("wait", "client:w", "--no-headers"),
                         "^client  WE?H\n$")
        state = self.json("describe", "client")["socket"]
        self.assertEqual(state["phase"], "SOCKET_PHASE_FAILED")
        self.assertEqual(state["error"]["errnoName"], "ECONNREFUSED")

    def test_datagrams(self):
        one = self.json("listen", "one", "127.0.0.1:0", "--datagram")["handle"]
        self.assertEqual(one["kind"], "HANDLE_KIND_DATAGRAM_SOCKET")
        self.ok("connect", "two", one["socket"]["local"], "--datagram",
                "--local", "127.0.0.1:0")
        self.ok("write", "two", "ping")
        self.ok("wait", "one:r")
        source = self.json("read", "one")["source"]
        self.ok("write", "one", "pong", "--to", source)
        self.ok("wait", "two:r")
        self.assertEqual(self.ok("read", "two"), "pong")
        self.fails(2, "connect", "x", "127.0.0.1:1", "--local", "127.0.0.1:0")

    def test_timers_and_counters(self):
        self.ok("timer", "soon", "1ms")
        self.ok("wait", "soon:r")
        self.assertEqual(self.ok("read", "soon"), "1\n")
        self.fails(3, "read", "soon")
        self.ok("timer", "tick", "1ms", "--every")
        ticks = self.start("read", "tick", "--follow")
        self.assertGreaterEqual(int(ticks.line()) + int(ticks.line()), 2)
        self.assertEqual(ticks.end(signal.SIGINT)[0], 130)
        self.ok("timer", "past", "--at", "2001-09-09T01:46:40Z")
        self.ok("wait", "past:r")
        for words in (["x"], ["x", "--every"], ["x", "soon"], ["x", "inf"],
                      ["x", "1s", "--at", "2001-09-09T01:46:40Z"],
                      ["x", "--at", "noon"]):
            self.fails(2, "timer", *words)
        self.assertIn("BAD_TIMER", self.fails(67, "timer", "x", "0",
                                              "--every"))
        self.ok("counter", "jobs", "--initial", "2")
        self.ok("write", "jobs", "--add", "3")
        self.assertEqual(self.ok("read", "jobs"), "5\n")
        self.ok("counter", "slots", "--initial", "2", "--semaphore")
        self.assertEqual(self.json("read", "slots")["count"], "1")
        self.assertEqual(self.ok("read", "slots"), "1\n")
        self.fails(3, "read", "slots")
        self.assertIn("BAD_CONTENT", self.fails(67, "write", "slots", "x"))
        self.fails(2, "write", "slots", "x", "--add", "1")

    def test_files_watches_and_transfers(self):
        path = self.home + "/file"
        self.ok("watch-path", "watch", self.home, "--events",
                "created,closed-written")
        self.ok("open", "log", path, "--write", "--create", "--append")
        self.ok("pipe", "in", "out")
        self.ok("write", "out", "hello")
        self.assertEqual(self.ok("transfer", "in", "log", "--no-headers"),
                         "5  source-empty\n")
        self.fails(3, "transfer", "in", "log")
        mover = self.start("transfer", "in", "log", "--follow", "-o", "json")
        self.ok("write", "out", "-", "--close-after", stdin=b"!" * 100000)
        out, _ = mover.process.communicate(timeout=DEADLINE)
        self.assertEqual(json.loads(out), {
            "bytes": "100000", "stop": "TRANSFER_STOP_END_OF_FILE"})
        self.ok("close", "log")
        self.assertEqual(self.ok("read", "watch"),
                         "created file\nclosed-written file\n")
        self.ok("open", "file", path)
        self.assertEqual(self.ok("read", "file"), "hello" + "!" * 100000)
        self.assertIn(path, self.ok("describe", "file"))
        self.assertIn("ENOENT", self.fails(69, "open", "x", path + "x"))
        self.assertIn("SAME_HANDLE", self.fails(67, "transfer", "in", "in"))
        self.assertIn("moved-from", self.fails(
            2, "watch-path", "x", self.home, "--events", "eaten"))

    def test_names_taken_and_unknown(self):
        self.ok("pipe", "in", "out")
        self.assertIn("hint: choose another name",
                      self.fails(70, "pipe", "in", "other"))
        self.assertIn("hint: farpoll list", self.fails(69, "read", "nope"))
        self.assertIn("nope", self.fails(69, "close", "nope"))

    # ---- Interest and waits.

    def test_selector_keeps_registrations(self):
        self.ok("pipe", "in", "out")
        code, _, error = self.run_it("register", "sel", "in:r", "out:w,edge",
                                     "--cookie", "7")
        self.assertEqual(code, 0)
        self.assertIn("made selector sel (poll)", error)
        kept = self.json("selector", "list", "sel")["registrations"]
        self.assertEqual([(r["handleName"], r["events"], r["trigger"],
                           r["cookie"]) for r in kept],
                         [("in", ["READ"], "TRIGGER_LEVEL", "7"),
                          ("out", ["WRITE"], "TRIGGER_EDGE", "7")])
        self.ok("modify", "sel", "out:w,oneshot")
        found = self.json("wait", "sel")["events"]
        self.assertEqual([(e["handle"], e["ready"]) for e in found],
                         [("out", ["WRITE"])])
        self.ok("unregister", "sel", "in")
        self.assertIn("ENOENT", self.fails(69, "unregister", "sel", "in"))
        self.assertIn("ENOENT", self.fails(69, "modify", "sel", "in:r"))
        self.assertIn("sel", self.ok("selector", "list"))
        self.ok("selector", "delete", "sel")
        self.assertIn("SELECTOR_UNKNOWN", self.fails(69, "wait", "sel"))
        self.ok("selector", "create", "d", "--kind", "default")
        self.assertIn("EINVAL", self.fails(67, "register", "d", "in:IN|RDHUP"))
        self.ok("register", "d", "in:r")
        self.assertIn("EEXIST", self.fails(70, "register", "d", "in:r"))

    def test_wait_once(self):
        self.ok("pipe", "in", "out")
        self.ok("socketpair", "a", "b")
        self.assertEqual(self.ok("wait", "in:r", "out:w"),
                         "HANDLE  READY\nout     W\n")
        self.assertEqual(self.fails(124, "wait", "in:r", "--timeout", "10ms"),
                         "")
        self.ok("write", "out", "x")
        both = self.json("wait", "in:r", "out:w", "--all")["events"]
        self.assertEqual(sorted(e["handle"] for e in both), ["in", "out"])
        self.fails(124, "wait", "in:r", "a:r", "--min", "2", "--timeout",
                   "10ms")
        self.assertEqual(self.json("selector", "list")["selectors"], [])
        self.fails(69, "wait", "nope:r")

    def test_wait_ends_when_another_writes(self):
        self.ok("pipe", "in", "out")
        waiting = self.start("wait", "in:r", "--no-headers")
        self.ok("write", "out", "x")
        self.assertEqual(waiting.line(), "in  R")
        self.assertEqual(waiting.end()[0], 0)

    def test_wait_select(self):
        self.ok("pipe", "in", "out")
        self.assertEqual(self.fails(124, "wait", "--select", "r=in",
                                    "--timeout", "0"), "")
        self.ok("write", "out", "x")
        self.assertEqual(
            self.ok("wait", "--select", "r=in w=out,out x=in"),
            "SET  HANDLE  READY\nr    in      R\nw    out     W\n"
            "w    out     W\n")

    def test_poll(self):
        self.ok("pipe", "in", "out")
        self.assertEqual(
            self.ok("poll", "in:IN", "out:OUT", "gone:IN", "--timeout", "0"),
            "HANDLE  REQUESTED  RETURNED\nout     OUT        OUT\n"
            "gone    IN         NVAL\n")
        self.fails(124, "poll", "in:r", "--timeout", "0")
        self.ok("register", "sel", "out:w")
        self.assertEqual(self.json("poll", "sel")["events"],
                         [{"handle": "out", "requested": ["WRITE"],
                           "returned": ["WRITE"]}])

    def test_kevent(self):
        self.ok("pipe", "in", "out")
        self.fails(124, "kevent", "in,READ", "--timeout", "0")
        self.ok("write", "out", "hello")
        self.assertEqual(
            self.ok("kevent", "in,READ,ADD|CLEAR", "out,WRITE"),
            "IDENT  FILTER  FLAGS  FFLAGS  DATA   UDATA\n"
            "in     READ    CLEAR  -       5      -\n"
            "out    WRITE   -      -       65531  -\n")
        self.assertEqual(
            self.json("kevent", "in,read,add,,,7")["kevents"][0]["udata"], "7")

    def test_kevent_refusals_are_events(self):
        code, out, _ = self.run_it("kevent", "gone,READ", "1,USER,DELETE")
        self.assertEqual(code, 1)
        self.assertRegex(out, r"\ngone +READ +ERROR +- +EBADF +-\n"
                              r"1 +USER +ERROR +- +ENOENT +-\n")
        self.fails(2, "kevent")
        self.fails(2, "kevent", "in,REED")
        self.ok("selector", "create", "sel")
        self.fails(67, "kevent", "in,READ", "--queue", "sel")

    def test_kevent_queue_that_lasts(self):
        self.ok("selector", "create", "q", "--kind", "kqueue")
        self.ok("kevent", "--queue", "q", "--max", "0", "--changes", "-",
                stdin=b"# comment\njob,USER,ADD|CLEAR\n\n")
        self.fails(124, "kevent", "--queue", "q", "--timeout", "0")
        watcher = self.start("kevent", "--queue", "q", "t,TIMER,ADD,,20",
                             "job,USER,,NOTE_TRIGGER", "--follow", "--count",
                             "3")
        self.assertRegex(watcher.line(), "^IDENT")
        words = [watcher.line().split()[:2] for _ in range(3)]
        self.assertIn(["job", "USER"], words)
        self.assertIn(["t", "TIMER"], words)
        self.assertEqual(watcher.end()[0], 0)

    def test_three_terminals(self):
        self.ok("pipe", "in", "out")
        self.ok("register", "sel", "in:r")
        watcher = self.start("-o", "jsonl", "wait", "sel", "--follow")
        self.ok("write", "out", "hello")
        seen = json.loads(watcher.line())
        self.assertEqual((seen["handle"], seen["ready"]), ("in", ["READ"]))
        self.assertRegex(seen["at"], r"^\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z$")
        self.assertEqual(self.ok("read", "in"), "hello")
        self.ok("close", "out")
        while seen["ready"] == ["READ"]:  # level: until it was drained
            seen = json.loads(watcher.line())
        self.assertEqual(seen["ready"], ["HANGUP"])
        code, error = watcher.end(signal.SIGINT)
        self.assertEqual(code, 130)
        self.assertRegex(error, r"^interrupted after \d+ events; "
                                r"resume with --resume \d+-\d+\n$")

    def test_follow_of_handles_shows_each_change_once(self):
        self.ok("pipe", "in", "out")
        watcher = self.start("wait", "in:r", "--follow", "--exit-on", "in:h")
        self.assertRegex(self.ok("write", "out", "hello"), "^$")
        self.assertRegex(watcher.line(), "^TIME +HANDLE +READY$")
        self.assertRegex(watcher.line(), r"^[\d:.]+ +in +R$")
        self.ok("close", "out")
        self.assertRegex(watcher.line(), r"^[\d:.]+ +in +RH$")
        self.assertEqual(watcher.end()[0], 0)
        self.assertEqual(self.json("selector", "list")["selectors"], [])

    def test_interrupted_follow_resumes_with_nothing_lost(self):
        self.ok("pipe", "in", "out")
        words = ("wait", "in:r", "--follow", "-o", "jsonl")
        watcher = self.start(*words)
        self.ok("write", "out", "x")
        watcher.line()
        code, error = watcher.end(signal.SIGINT)
        self.assertEqual(code, 130)
        self.assertIn("interrupted after 1 event;", error)
        position = error.split()[-1]
        self.ok("write", "out", "y")
        again = self.start(*words, "--resume", position, "--count", "1")
        self.assertEqual(json.loads(again.line())["ready"], ["READ"])
        self.assertEqual(again.end()[0], 0)
        self.assertIn("no interrupted wait",
                      self.fails(1, *words, "--resume", position))

    def test_follow_outlives_its_connection(self):
        relay = Relay(self.server)
        try:
            for name in ("one", "two"):
                self.ok("pipe", name + ".in", name + ".out")
            self.ok("selector", "create", "q", "--kind", "kqueue")
            self.ok("kevent", "two.in,READ,ADD|CLEAR", "--queue", "q", "--max",
                    "0")
            for out, words in (("one.out", ("wait", "one.in:r")),
                               ("two.out", ("kevent", "--queue", "q"))):
                watcher = self.start(*words, "--follow", "--count", "2", "-o",
                                     "jsonl", "--addr", relay.address)
                self.ok("write", out, "x")
                watcher.line()
                relay.cut()
                self.ok("write", out, "y")
                watcher.line()
                self.assertEqual(watcher.end(),
                                 (0, "reconnected; nothing was lost\n"))
        finally:
            relay.stop()

    def test_follow_learns_that_its_session_is_gone(self):
        server = Server()
        try:
            env = {"FARPOLL_ADDR": server.address}
            self.ok("session", "create", "--name", self.session, env=env)
            self.ok("pipe", "in", "out", env=env)
            watcher = self.start("wait", "in:r", "--follow", "--addr",
                                 server.address)
            self.ok("write", "out", "x", env=env)
            watcher.line()
            server.restart()
            code, error = watcher.end()
            self.assertEqual(code, 69)
            self.assertIn("SESSION_UNKNOWN", error)
        finally:
            server.stop()

    def test_follow_ends_by_timeout(self):
        self.ok("pipe", "in", "out")
        self.fails(124, "wait", "in:r", "--follow", "--timeout", "10ms")

    def test_ctrl_c_ends_any_wait(self):
        self.ok("pipe", "in", "out")
        for words in (("wait", "in:r", "-v"), ("read", "in", "--follow", "-v"),
                      ("poll", "in:IN", "-v")):
            waiting = self.start(*words)
            waiting.process.stderr.readline()  # it has begun
            self.assertEqual(waiting.end(signal.SIGINT)[0], 130, words)
        writer = self.start("write", "out", "-", "-v", stdin=subprocess.PIPE)
        writer.process.stderr.readline()
        writer.process.send_signal(signal.SIGTERM)
        self.assertEqual(writer.process.wait(DEADLINE), 143)
        self.assertEqual(self.json("selector", "list")["selectors"], [])

    def test_watch_shows_changes_and_takes_nothing(self):
        self.ok("pipe", "in", "out")
        self.ok("register", "sel", "in:r")
        watcher = self.start("watch", "in", "new*", "--state", "--rate", "60",
                             "-o", "jsonl")
        seen = json.loads(watcher.line())
        self.assertEqual((seen["handle"], seen["kind"], seen["change"],
                          seen["ready"]), ("in", "pipe-reader", "present", []))
        self.ok("write", "out", "hello")
        seen = json.loads(watcher.line())
        self.assertEqual(seen["change"], "changed")
        self.assertIn("READ", seen["readyChanged"])
        self.ok("wait", "sel", "--timeout", "0")  # the event is still there
        self.assertEqual(self.ok("read", "in"), "hello")
        while seen["ready"]:
            seen = json.loads(watcher.line())
        self.assertEqual((seen["bytesRead"], seen["readyChanged"][:1]),
                         ("5", ["READ"]))
        code, error = watcher.end(signal.SIGINT)
        self.assertEqual(code, 130)
        self.assertRegex(error, r"^interrupted after \d+ changes; "
                                r"go on with --since [\d-]+\n$")

        self.ok("timer", "newest", "1h")
        self.ok("close", "in")
        lines = self.ok("watch", "in", "new*", "--count", "2", "--since",
                        error.split()[-1]).splitlines()
        self.assertRegex(lines[0], "^TIME +HANDLE +READY +CHANGE$")
        self.assertRegex(lines[1], r"^[\d:.]+ +in +.*closed, 5 B read$")
        self.assertRegex(lines[2], r"^[\d:.]+ +newest +.*made$")

    def test_watch_tells_the_end_of_a_process(self):
        watcher = self.start("watch", "--kind", "process", "--ready", "x",
                             "--state", "--no-headers")
        self.ok("spawn", "job", "--", "sh", "-c", "exit 3")
        line = watcher.line()
        while "exit" not in line:
            line = watcher.line()
        self.assertRegex(line, r"^[\d:.]+ +job +X +.*exit 3$")
        self.ok("session", "close", self.session)
        code, error = watcher.end()
        self.assertEqual(code, 73)
        self.assertIn("SESSION_DELETED", error)

    def test_watch_by_selector(self):
        self.ok("pipe", "in", "out")
        self.ok("register", "sel", "out:w")
        watcher = self.start("watch", "--selector", "sel", "--state", "--rate",
                             "60", "-o", "jsonl")
        seen = json.loads(watcher.line())
        self.assertEqual((seen["handle"], seen["change"],
                          seen["registeredEvents"]),
                         ("out", "present", ["WRITE"]))
        self.ok("register", "sel", "in:r")
        seen = json.loads(watcher.line())
        self.assertEqual((seen["handle"], seen["change"]), ("in", "present"))
        self.ok("unregister", "sel", "in")
        seen = json.loads(watcher.line())
        self.assertEqual((seen["handle"], seen["change"],
                          seen["registrations"]), ("in", "left", 0))
        watcher.end(signal.SIGINT)

    def test_watch_refuses_what_cannot_be(self):
        for words, named in ((("--kind", "pipe"), "'pipe' is none of"),
                             (("--ready", "q"), "'q' is neither"),
                             (("--rate", "0"), "--rate"),
                             (("-o", "json"), "jsonl")):
            self.assertIn(named, self.fails(2, "watch", *words))
        self.assertIn("max_rate", self.fails(67, "watch", "--rate", "61"))
        self.assertIn("nobody", self.fails(69, "watch", "--selector", "nobody"))
        self.assertIn("without --since",
                      self.fails(75, "watch", "--since", "1-1-1"))

    def test_second_wait_on_a_selector_is_refused(self):
        self.ok("pipe", "in", "out")
        self.ok("register", "sel", "out:w,edge")
        first = self.start("wait", "sel", "--follow", "--no-headers")
        first.line()
        self.assertIn("EBUSY", self.fails(73, "wait", "sel"))
        self.fails(124, "poll", "sel", "--timeout", "0")  # the edge was told

    def test_poll_looks_beside_a_wait_and_takes_it_over(self):
        self.ok("pipe", "in", "out")
        self.ok("register", "sel", "out:w")
        first = self.start("wait", "sel", "--follow", "--no-headers")
        first.line()
        self.assertIn("OUT", self.ok("poll", "sel", "--timeout", "0"))
        first.line()
        self.assertIn("OUT", self.ok("poll", "sel", "--take-over"))
        code, error = first.end()
        self.assertEqual(code, 74)
        self.assertIn("TAKEN_OVER", error)
        self.fails(2, "poll", "out:w", "--take-over")

    # ---- Output, errors, usage.

    def test_closed_output_ends_silently(self):
        self.ok("pipe", "in", "out")
        watcher = self.start("wait", "out:w,level", "--follow")
        watcher.line()
        watcher.process.stdout.close()
        self.assertEqual(watcher.process.wait(DEADLINE), 141)
        self.assertEqual(watcher.process.stderr.read(), b"")

    def test_output_forms(self):
        self.ok("pipe", "in", "out")
        self.assertEqual(self.ok("list", "--columns", "name", "--no-headers"),
                         "in\nout\n")
        lines = self.ok("list", "-o", "jsonl").splitlines()
        self.assertEqual([json.loads(l)["name"] for l in lines], ["in", "out"])
        self.assertIn("no column", self.fails(2, "list", "--columns", "X"))
        self.assertIn("none of table", self.fails(2, "list", "-o", "xml"))

    def test_errors_as_json(self):
        error = json.loads(self.fails(69, "-o", "json", "describe", "nope"))
        self.assertEqual(
            (error["code"], error["reason"], error["errno"], error["subject"]),
            ("NOT_FOUND", "HANDLE_UNKNOWN", "ENOENT", "nope"))
        self.assertTrue(error["hint"])
        error = json.loads(self.fails(2, "wait", "in:r", "--follow", "-o",
                                      "json"))
        self.assertEqual(error["code"], "USAGE")
        self.assertIn("jsonl", error["message"])

    def test_usage_names_the_bad_argument(self):
        for words, said in (
                (("wiat",), "did you mean wait?"),
                (("pipe", "in"), "WRITER"),
                (("list", "--bogus"), "'--bogus'"),
                (("wait", "in:q"), "'q' in 'in:q'"),
                (("wait",), "give HANDLE:BITS"),
                (("wait", "in:r", "--timeout", "soon"), "'soon'"),
                (("wait", "in:r", "--count", "1"), "--follow"),
                (("shutdown", "in", "x"), "x"),
                (("write", "in"), "nothing to write"),
                (("session",), "subcommand"),
                (("poll", "in:r,edge"), "triggers"),
                (("--addr", "nonsense", "list"), "neither unix:PATH"),
                (("help", "wiat"), "did you mean wait?")):
            error = self.fails(2, *words)
            self.assertIn(said, error, words)
            self.assertIn("see: farpoll help", error, words)

    def test_away_server_is_named(self):
        error = self.fails(78, "list", "--addr", self.away)
        self.assertIn("nothing listens on " + self.away, error)
        self.assertIn("--local", error)
        self.fails(78, "doctor", "--addr", self.away)

    def test_full_quota_is_named(self):
        small = Server("--max-session-handles=2")
        try:
            env = {"FARPOLL_ADDR": small.address}
            self.ok("session", "create", "--name", self.session, env=env)
            self.ok("pipe", "a", "b", env=env)
            self.assertIn("LIMIT_SESSION_HANDLES",
                          self.fails(72, "pipe", "c", "d", env=env))
        finally:
            small.stop()

    # ---- Tools.

    def test_help_starts_with_examples(self):
        for verb in ("demo", "session", "pipe", "socketpair", "read", "write",
                     "shutdown", "close", "list", "describe", "selector",
                     "register", "modify", "unregister", "wait", "poll", "rpc",
                     "context", "doctor", "completion", "version", "help"):
            page = self.ok("help", verb)
            self.assertIn("  farpoll " + verb, page.split("usage:")[0])
            self.assertEqual(self.ok(verb, "-h"), page)
            self.assertIn("  %s " % verb, self.ok("help"))
        self.assertIn("--ttl", self.ok("help", "session", "create"))
        self.assertEqual(self.ok(), self.ok("help"))

    def test_doctor_and_version(self):
        self.assertRegex(self.ok("doctor"), "^ok +server")
        self.assertEqual(self.json("version")["serverApi"], "v1")

    def test_local_needs_no_server(self):
        env = {"FARPOLL_ADDR": self.away}
        self.assertIn("embedded", self.ok("--local", "doctor", env=env))
        self.ok("--local", "pipe", "in", "out", env=env)
        self.assertEqual(self.ok("--local", "list", "--no-headers", env=env),
                         "")

    def test_demo_shows_events_and_leaves_nothing(self):
        out = self.ok("demo", env={"FARPOLL_ADDR": self.away})
        self.assertRegex(out, r'in +R +\+5 B +"hello"')
        self.assertRegex(out, r"in +H +end of file")
        self.assertIn("5 events", out)
        self.assertEqual(os.listdir(self.home), [])

    def test_demo_ends_by_ctrl_c(self):
        demo = self.start("demo")
        demo.line()
        self.assertEqual(demo.end(signal.SIGINT)[0], 130)

    def words(self, *words):
        lines = self.ok("completion", "words", "--", *words).splitlines()
        return [line.split("\t")[0] for line in lines]

    def test_completion_offers_live_names(self):
        self.ok("pipe", "in", "out")
        self.ok("selector", "create", "sel")
        self.assertIn("farpoll", self.ok("completion", "bash"))
        self.assertIn("compdef", self.ok("completion", "zsh"))
        self.assertIn("complete -c", self.ok("completion", "fish"))
        self.assertEqual(self.words("wai"), ["wait"])
        self.assertEqual(self.words("read", ""), ["in", "out"])
        self.assertEqual(self.words("wait", "in:"),
                         ["in:r", "in:w", "in:rw", "in:p"])
        self.assertEqual(self.words("register", "s"), ["sel"])
        self.assertIn(self.session, self.words("session", "close", "t-"))
        self.assertEqual(self.words("session", "cr"), ["create"])
        self.assertEqual(self.words("shutdown", "in", ""), ["r", "w", "rw"])
        self.assertEqual(self.words("list", "--col"), ["--columns", "--color"])
        self.assertEqual(self.words("-o", "j"), ["json", "jsonl"])
        self.assertEqual(self.words("rpc", "Handle"), ["HandleService"])
        self.assertIn("--handle.name",
                      self.words("rpc", "HandleService", "Read", "--"))
        self.env["FARPOLL_ADDR"] = self.away
        self.assertEqual(self.words("read", ""), [])

    def test_completion_script_loads_in_bash(self):
        self.ok("pipe", "in", "out")
        script = ('farpoll() { "$FARPOLL" "$@"; }\n'
                  'source <(farpoll completion bash)\n'
                  'COMP_WORDS=(farpoll read ""); COMP_CWORD=2; _farpoll\n'
                  'echo "${COMPREPLY[@]}"\n')
        done = subprocess.run(["bash", "-c", script], capture_output=True,
                              env=dict(self.env, FARPOLL=FARPOLL),
                              timeout=DEADLINE)
        self.assertEqual(done.stdout, b"in out\n", done.stderr)

    # ---- rpc.

    def test_rpc_knows_every_method(self):
        services = self.json("rpc")["services"]
        self.assertGreaterEqual(len(services), 4)
        for service in services:
            methods = self.json("rpc", service["service"])["methods"]
            for method in methods:
                self.assertTrue(method["comment"], method)
                page = self.ok("rpc", service["service"], method["method"],
                               "--help")
                self.assertIn("fields:", page)

    def test_rpc_calls(self):
        made = json.loads(self.ok("rpc", "HandleService", "CreatePipe",
                                  "--reader_name", "in", "--writer_name=out"))
        self.assertEqual(made["reader"]["name"], "in")
        self.ok("rpc", "HandleService", "Write", "--json", "-",
                stdin=b'{"handle":{"name":"out"},"data":"aGk="}')
        self.assertEqual(
            json.loads(self.ok("rpc", "HandleService", "Read", "--handle.name",
                               "in", "--max_bytes", "9"))["data"], "aGk=")
        self.ok("rpc", "SelectorService", "CreateSelector", "--kind", "poll",
                "--name", "sel")
        made = json.loads(self.ok(
            "rpc", "SelectorService", "Register", "--selector.name", "sel",
            "--items.handle.name", "in", "--items.events", "1",
            "--items.handle.name", "out", "--items.events", "4",
            "--items.trigger", "edge"))
        self.assertEqual(len(made["results"]), 2)
        found = json.loads(self.ok("rpc", "SelectorService", "Poll",
                                   "--selector.name", "sel", "--timeout", "0"))
        self.assertEqual([e["events"] for e in found["events"]], [4])
        self.fails(67, "rpc", "HandleService", "Read", "--handle.name", "in")
        self.assertIn("did you mean handle?",
                      self.fails(2, "rpc", "HandleService", "Read",
                                 "--handel.name", "in"))
        self.fails(2, "rpc", "HandleService", "Raed")
        self.fails(2, "rpc", "NoService")

    def test_rpc_streams(self):
        self.ok("pipe", "in", "out")
        self.ok("register", "sel", "out:w")
        stream = self.start("rpc", "SelectorService", "Wait",
                            stdin=subprocess.PIPE)
        send = stream.process.stdin
        send.write(b'{"open":{"selector":{"name":"sel"},"credits":1}}\n')
        send.flush()
        first = json.loads(stream.line())
        self.assertEqual(first["events"][0]["events"], 4)
        send.write(b'{"grant":{"acknowledge":"%s","credits":1}}\n'
                   % first["sequence"].encode())
        send.flush()
        self.assertNotEqual(json.loads(stream.line())["sequence"],
                            first["sequence"])
        self.assertEqual(stream.end(signal.SIGINT)[0], 130)
        lease = json.loads(self.ok("rpc", "SessionService", "KeepAlive",
                                   stdin=b"{}\n"))
        self.assertEqual(lease["remaining"], "60s")

    # ---- Terminals.

    def test_terminal_asks_for_raw(self):
        self.ok("pipe", "in", "out")
        self.ok("write", "out", "-", stdin=b"\x1b[2J")
        master, slave = pty.openpty()
        try:
            done = subprocess.run([FARPOLL, "read", "in"], env=self.env,
                                  stdout=slave, stderr=subprocess.PIPE,
                                  timeout=DEADLINE)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"--raw", done.stderr)
        finally:
            os.close(master)
            os.close(slave)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
