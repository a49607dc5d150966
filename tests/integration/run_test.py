#!/usr/bin/python3
"""Programs run through farpoll: as if they were here, and gone when they should.

usage: run_test.py FARPOLL FARPOLLD
Source: docs/cli.md, docs/processes.md. No sleeps: see cli_fixture.py.
"""
import fcntl
import hashlib
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

from tests.integration.cli_fixture import CliCase, DEADLINE, FARPOLL, Server


# What reading of a process in /proc says when it is gone.
GONE = (FileNotFoundError, ProcessLookupError)


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except GONE:
        return False


def all_children_of(pid):
    """Processes whose parent it is, zombies included."""
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/children" % (pid, task)) as children:
                found += [int(child) for child in children.read().split()]
        except GONE:
            pass  # a thread that ended
    return found


def children_of(pid):
    """The same without the guardian."""
    return [child for child in all_children_of(pid)
            if name_of(child) != "farpoll-guard"]


def name_of(pid):
    try:
        with open("/proc/%d/comm" % pid) as comm:
            return comm.read().strip()
    except GONE:
        return ""


def descriptors_of(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


class Terminal:
    """A program on a terminal of its own, typed at and read from."""

    def __init__(self, command, env, size=(24, 80)):
        self.master, slave = pty.openpty()
        self.resize(*size)
        self.said = b""
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(command, env=env, stdin=slave,
                                        stdout=slave, stderr=slave,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(
                                            slave, termios.TIOCSCTTY, 0))

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys)

    def expect(self, text):
        """Reads until `text` comes, and forgets what came before it."""
        end = time.monotonic() + DEADLINE
        while text not in self.said:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError("%r did not come: %r" % (text, self.said))
            self.said += os.read(self.master, 4096)
        self.said = self.said.partition(text)[2]

    def end(self):
        """Its exit code."""
        code = self.process.wait(timeout=DEADLINE)
        return code

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class RunTest(CliCase):
    def terminal(self, *words, **kwargs):
        terminal = Terminal([FARPOLL, *words], self.env, **kwargs)
        self.addCleanup(terminal.close)
        return terminal

    def await_true(self, holds, what):
        end = time.monotonic() + DEADLINE
        while not holds():
            self.assertLess(time.monotonic(), end, what)

    def tearDown(self):
        super().tearDown()
        self.await_true(
            lambda: not children_of(self.server.process.pid),
            "a child of the server is left")

    # ---- Streams.

    def test_streams_pass_through(self):
        code, out, error = self.run_it(
            "run", "--", "sh", "-c", "tr a-z A-Z; echo oops >&2",
            stdin=b"data\n")
        self.assertEqual((code, out, error), (0, "DATA\n", "oops\n"))

    def test_no_shell_looks_at_the_words(self):
        self.assertEqual(self.ok("run", "--", "printf", "%s|", "a b", "$HOME",
                                 "--session"), "a b|$HOME|--session|")
        self.assertEqual(self.ok("run", "--", "echo", "list", "-o", "json"),
                         "list -o json\n")

    def test_bytes_are_not_touched(self):
        data = os.urandom(3 << 20)
        done = subprocess.run([FARPOLL, "run", "--", "cat"], input=data,
                              capture_output=True, env=self.env,
                              timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(hashlib.sha256(done.stdout).digest(),
                         hashlib.sha256(data).digest())

    def test_an_endless_input_does_not_hold_up_the_end(self):
        script = "yes | %s run -- head -c 10M | sha256sum" % FARPOLL
        done = subprocess.run(["bash", "-c", script], capture_output=True,
                              env=self.env, timeout=DEADLINE)
        expected = hashlib.sha256(b"y\n" * (5 << 20)).hexdigest()
        self.assertEqual(done.stdout.decode().split()[0], expected,
                         done.stderr)

    def test_an_output_that_nobody_reads_ends_it(self):
        script = "%s run -- yes | head -1; exit ${PIPESTATUS[0]}" % FARPOLL
        done = subprocess.run(["bash", "-c", script], capture_output=True,
                              env=self.env, timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stdout), (141, b"y\n"))

    def test_what_was_said_before_the_end_is_out(self):
        self.assertEqual(
            self.ok("run", "--", "sh", "-c", "sleep 1000 & seq 5000").count(
                "\n"), 5000)

    def test_environment_and_directory(self):
        self.assertEqual(
            self.ok("run", "--env", "A=b c", "--cwd", "/usr", "--", "sh", "-c",
                    "echo $A; pwd"), "b c\n/usr\n")
        self.assertIn("expected NAME=VALUE",
                      self.fails(2, "run", "--env", "A", "--", "true"))
        self.assertIn("POLICY_ENVIRONMENT", self.fails(
            126, "run", "--env", "LD_PRELOAD=x", "--", "true"))

    # ---- How it ends.

    def test_exit_codes(self):
        for expected, words in ((0, ["true"]), (1, ["false"]),
                                (72, ["sh", "-c", "exit 72"]),
                                (137, ["sh", "-c", "kill -9 $$"]),
                                (143, ["sh", "-c", "kill $$"])):
            code, _, error = self.run_it("run", "--", *words)
            self.assertEqual((code, error), (expected, ""), words)
        self.assertIn("PROGRAM_NOT_FOUND",
                      self.fails(127, "run", "--", "nonexistent"))
        self.assertIn("PROGRAM_NOT_EXECUTABLE",
                      self.fails(126, "run", "--", "/etc/passwd"))
        self.assertIn("UNAVAILABLE", self.fails(
            125, "--addr", self.away, "run", "--", "true"))
        self.assertIn("a command is missing", self.fails(2, "run"))

    def test_status_file_tells_whose_code_it_is(self):
        path = self.home + "/status"
        self.run_it("run", "--status-file", path, "--", "sh", "-c", "exit 72")
        with open(path) as status:
            self.assertEqual(json.load(status), {"code": 72})

    def test_signals_are_passed_on(self):
        for number, expected in ((signal.SIGTERM, 3), (signal.SIGHUP, 4),
                                 (signal.SIGUSR1, 5)):
            program = self.start(
                "run", "--", "sh", "-c", "trap 'exit 3' TERM; "
                "trap 'exit 4' HUP; trap 'exit 5' USR1; echo ready; "
                "while :; do sleep 0.01; done", stdin=subprocess.PIPE)
            self.assertEqual(program.line(), "ready")
            self.assertEqual(program.end(number)[0], expected)

    def test_interrupt_without_a_terminal(self):
        program = self.start("run", "--", "sh", "-c",
                             "echo ready; exec sleep 1000",
                             stdin=subprocess.PIPE)
        self.assertEqual(program.line(), "ready")
        self.assertEqual(program.end(signal.SIGINT)[0], 128 + signal.SIGINT)

    # ---- On a terminal.

    def test_a_shell_on_a_terminal(self):
        shell = self.terminal("run", "--", "sh", size=(33, 99))
        shell.type(b"stty size; tty | cut -c1-8; echo $TERM-$((40 + 2))\r")
        shell.expect(b"33 99\r\n")
        shell.expect(b"/dev/pts")
        shell.expect(b"-42\r\n")
        shell.type(b"exit 7\r")
        self.assertEqual(shell.end(), 7)
        self.assertTrue(shell.restored())

    def test_control_c_goes_to_the_program(self):
        shell = self.terminal("run", "--", "sh", "-c",
                              "echo ready; exec sleep 100")
        shell.expect(b"ready")
        shell.type(b"\x03")
        self.assertEqual(shell.end(), 130)
        self.assertTrue(shell.restored())

    def test_a_new_size_is_passed_on(self):
        shell = self.terminal(
            "run", "--", "sh", "-c", "trap 'stty size; exit 0' WINCH; "
            "echo ready; while :; do read -r line || :; done")
        shell.expect(b"ready")
        shell.resize(12, 34)
        shell.expect(b"12 34")
        self.assertEqual(shell.end(), 0)

    def test_tilde_dot_detaches(self):
        shell = self.terminal("run", "--", "sh", "-c",
                              "echo ready; read -r l; echo \"got $l\"; "
                              "exec sleep 1000")
        shell.expect(b"ready")
        shell.type(b"~~a~.\r")
        shell.expect(b"got ~a~.")
        shell.type(b"~.")
        shell.expect(b"session ")
        shell.expect(b",")
        self.assertEqual(shell.end(), 0)
        self.assertTrue(shell.restored())
        sessions = [s for s in self.json("session", "list")["sessions"]
                    if not s["name"]]
        self.assertEqual(len(sessions), 1)
        there = sessions[0]["id"]
        self.assertEqual(
            json.loads(self.ok("--session", there, "-o", "json", "describe",
                               "run"))["ready"], [])
        self.ok("session", "close", there)

    # ---- spawn, kill, resize, and the ends in lists and waits.

    def test_a_spawned_process_is_waited_for_and_described(self):
        made = json.loads(self.ok("spawn", "build", "--stdin", "null", "-o",
                                  "json", "--", "sh", "-c", "exit 3"))
        self.assertEqual(made["out"]["name"], "build.out")
        self.assertNotIn("in", made)
        self.assertIn("X", self.ok("wait", "build:x"))
        event = json.loads(self.ok("-o", "jsonl", "wait", "build:x",
                                   "--follow", "--count", "1"))
        self.assertEqual((event["ready"], event["exit"]),
                         (["EXIT"], {"code": 3}))
        self.assertEqual(self.json("describe", "build")["exit"], {"code": 3})
        self.assertIn("exit 3", self.ok("describe", "build"))
        row = [line for line in self.ok("list").splitlines()
               if line.startswith("build ")]
        self.assertIn(" X ", row[0])

    def test_kill_and_its_errors(self):
        self.ok("spawn", "long", "--", "sleep", "1000")
        self.ok("kill", "long", "-s", "0")
        self.assertIn("no signal 'BLA'",
                      self.fails(2, "kill", "long", "-s", "BLA"))
        self.ok("kill", "long", "-s", "INT", "--group")
        self.ok("wait", "long:x")
        self.assertEqual(self.json("describe", "long")["exit"]["name"],
                         "SIGINT")
        self.assertIn("PROCESS_ENDED", self.fails(73, "kill", "long"))
        self.fails(69, "kill", "nope")
        self.ok("pipe", "in", "out")
        self.assertIn("NO_PROCESS", self.fails(67, "kill", "in"))

    def test_resize(self):
        self.ok("spawn", "shell", "--pty", "--", "sh", "-c",
                "trap 'stty size; exit' WINCH; echo ready; "
                "while :; do read -r line || :; done")
        self.ok("wait", "shell.pty:r")
        self.ok("read", "shell.pty")
        self.ok("resize", "shell.pty", "40x10")
        self.assertIn("10 40", self.ok("read", "shell.pty", "--follow"))
        self.assertIn("is not COLUMNSxROWS",
                      self.fails(2, "resize", "shell.pty", "40"))

    # ---- Somebody is killed.

    def test_a_killed_client_leaves_nothing(self):
        program = self.start("run", "--ttl", "1s", "--", "sh", "-c",
                             "trap '' HUP; echo $$; sleep 1000",
                             stdin=subprocess.PIPE)
        child = int(program.line())
        self.assertTrue(alive(child))
        program.kill()
        self.await_true(lambda: not alive(child), "the child runs on")

    def test_a_killed_server_leaves_nothing(self):
        server = Server()
        self.env["FARPOLL_ADDR"] = server.address
        try:
            # The second is in a process group of its own.
            program = self.start(
                "run", "--", "sh", "-c",
                "trap '' TERM HUP INT; echo $$; "
                "sh -c 'echo $$; sleep 1000; :' & "
                "timeout 1000 sh -c 'echo $$; sleep 1000; :' & sleep 1000; :",
                stdin=subprocess.PIPE)
            pids = [int(program.line()) for _ in range(3)]
            server.process.kill()
            server.process.wait()
            for pid in pids:
                self.await_true(lambda: not alive(pid), "a child runs on")
            self.assertEqual(program.end()[0], 125)
        finally:
            server.stop()
        self.env["FARPOLL_ADDR"] = self.server.address

    def test_a_stopped_server_ends_its_children(self):
        server = Server("--grace=5s", "--default-grace-ms=50")
        self.env["FARPOLL_ADDR"] = server.address
        program = self.start("run", "--", "sh", "-c",
                             "trap '' TERM; echo $$; sleep 1000; sleep 1000",
                             stdin=subprocess.PIPE)
        child = int(program.line())
        server.stop()
        self.assertFalse(alive(child))
        self.env["FARPOLL_ADDR"] = self.server.address

    def test_a_killed_guardian_is_replaced(self):
        pid = self.server.process.pid
        self.ok("run", "--", "true")

        def guardian():
            return next((child for child in all_children_of(pid)
                         if name_of(child) == "farpoll-guard" and
                         alive(child)), None)

        first = guardian()
        os.kill(first, signal.SIGKILL)
        self.await_true(lambda: not alive(first), "it was killed")
        self.ok("run", "--", "true")
        self.assertNotIn(guardian(), (first, None))

    def test_descriptors_come_back(self):
        pid = self.server.process.pid
        self.ok("run", "--", "true")
        self.await_true(lambda: not children_of(pid), "children are left")
        before = descriptors_of(pid)
        for _ in range(5):
            self.ok("run", "--", "sh", "-c", "sleep 1000 & echo x")
        self.await_true(lambda: not children_of(pid), "children are left")
        self.await_true(lambda: descriptors_of(pid) <= before,
                        "descriptors are left")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
