"""`farpoll top` and `farpoll watch` on a terminal, tmux's, whose screen is read.

    screen_test.py FARPOLL FARPOLLD
"""
import os
import re
import signal
import subprocess
import sys
import time
import unittest

import farpoll_rpc
import grpc
from farpoll.v1 import handle_pb2

from tests.integration.cli_fixture import CliCase, DEADLINE, FARPOLL, Server

HANDLES = 1000


class Terminal:
    """A shell in a terminal of its own, by a tmux that serves no other."""

    def __init__(self, folder, env, columns, rows):
        self._socket = folder + "/tmux"
        # Nothing of the user's tmux, of whoever runs the test.
        self._env = dict(env, TERM="xterm-256color", LC_ALL="C.UTF-8",
                         ENV="")
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns),
                   "-y", str(rows), "sh")
        self.wait_for(r"^[$#]")  # root has another prompt

    def _tmux(self, *words):
        return subprocess.run(["tmux", "-S", self._socket, *words], check=True,
                              env=self._env, timeout=DEADLINE,
                              capture_output=True).stdout.decode()

    def type(self, text, enter=True):
        self._tmux("send-keys", "-l", text)
        if enter:
            self.press("Enter")

    def press(self, *keys):
        self._tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self):
        return self._tmux("capture-pane", "-p")

    def wait_for(self, pattern, absent=False):
        """The screen once `pattern` is on it, or is not any more."""
        end = time.monotonic() + DEADLINE
        while True:
            screen = self.screen()
            found = re.search(pattern, screen, re.MULTILINE)
            if (found is None) == absent:
                return screen
            if time.monotonic() > end:
                raise AssertionError("%r is %s the screen:\n%s" % (
                    pattern, "on" if absent else "not on", screen))

    def close(self):
        self._tmux("kill-server")


class ScreenTest(CliCase):
    def setUp(self):
        super().setUp()
        self.env["FARPOLL"] = FARPOLL
        self.terminal = Terminal(self.home, self.env, 100, 24)

    def tearDown(self):
        self.terminal.close()
        super().tearDown()

    def make_handles(self):
        """A thousand, of pipes r0, w0 and on."""
        with grpc.insecure_channel(self.server.address) as channel:
            handles = farpoll_rpc.Service(channel, handle_pb2, "HandleService")
            for i in range(HANDLES // 2):
                handles.CreatePipe(handle_pb2.CreatePipeRequest(
                    session=self.session, reader_name="r%d" % i,
                    writer_name="w%d" % i), timeout=DEADLINE)

    # ---- top.

    def test_top_shows_a_thousand_handles_live(self):
        self.make_handles()
        terminal = self.terminal
        terminal.type('"$FARPOLL" top')
        screen = terminal.wait_for(r"^handles 1000  W 500  ")
        self.assertRegex(screen.splitlines()[1], r"^NAME +KIND +READY +LAST +"
                                                 r"B/S +CHG/S +LAST 60 s")
        self.assertIn("[q] quit", screen.splitlines()[23])

        self.ok("write", "w7", "hello")
        screen = terminal.wait_for(r"^r7 +pipe-reader +R .*█")
        self.assertIn("R 1", screen.splitlines()[0])
        # The busiest come first.
        self.assertRegex(screen.splitlines()[2], r"^[rw]7 ")

        self.ok("close", "r8")
        terminal.wait_for(r"^handles 999 ")
        terminal.press("q")
        terminal.wait_for(r"^handles", absent=True)

    def test_top_sorts_filters_and_scrolls(self):
        self.make_handles()
        terminal = self.terminal
        terminal.type('"$FARPOLL" top --sort name')
        terminal.wait_for(r"^handles 1000 ")
        terminal.wait_for(r"^r20 ", absent=False)
        terminal.press("End")
        terminal.wait_for(r"^w499 ")
        terminal.press("Home")
        terminal.wait_for(r"^r0 ")

        terminal.press("r")
        terminal.wait_for(r"sort: name reversed")
        terminal.wait_for(r"^w499 ")
        terminal.press("s")
        terminal.wait_for(r"sort: kind reversed")

        terminal.press("/")
        terminal.type("W49")
        screen = terminal.wait_for(r"shown 11")  # w49 and w490 to w499
        self.assertRegex(screen, r"filter\]?: W49")
        terminal.press("Escape")
        terminal.wait_for(r"shown", absent=True)
        terminal.press("q")
        terminal.wait_for(r"^handles", absent=True)

    def test_top_follows_the_size_of_its_terminal(self):
        self.make_handles()
        terminal = self.terminal
        terminal.type('"$FARPOLL" top')
        terminal.wait_for(r"CHG/S")

        terminal.resize(50, 10)
        screen = terminal.wait_for(r"\A(.*\n){9}\[/\] filter.*\n\Z")
        self.assertNotIn("CHG/S", screen)

        terminal.resize(140, 40)
        screen = terminal.wait_for(r"\A(.*\n){39}\[/\] filter.*\n\Z")
        self.assertIn("LAST 60 s", screen)
        self.assertEqual(len(re.findall(r"(?m)^r\d+ ", screen)), 37)
        terminal.press("q")
        terminal.wait_for(r"^handles", absent=True)

    def test_top_gives_the_terminal_back(self):
        self.ok("pipe", "in", "out")
        terminal = self.terminal
        terminal.type("stty -g > $HOME/before; echo marked")
        terminal.wait_for(r"^marked")
        # By its own key, by Ctrl-C, and by a signal from outside.
        for end, code in ((lambda: terminal.press("q"), 0),
                          (lambda: terminal.press("C-c"), 130),
                          (self.terminate_top, 143)):
            terminal.type('"$FARPOLL" top; echo code $?; '
                          "stty -g > $HOME/after")
            terminal.wait_for(r"^handles 2 ")
            end()
            screen = terminal.wait_for(r"^code %d$" % code)
            self.assertIn("marked", screen)
            self.assertNotIn("handles 2", screen)
            terminal.type("cmp $HOME/before $HOME/after && echo same %d" % code)
            terminal.wait_for(r"^same %d$" % code)

    def terminate_top(self):
        for entry in os.listdir("/proc"):
            try:
                with open("/proc/%s/cmdline" % entry, "rb") as file:
                    words = file.read().split(b"\0")
                with open("/proc/%s/environ" % entry, "rb") as file:
                    ours = ("HOME=" + self.home).encode() in file.read()
            except OSError:
                continue  # no process, or gone
            if ours and words[:2] == [FARPOLL.encode(), b"top"]:
                os.kill(int(entry), signal.SIGTERM)

    def test_top_stops_and_goes_on(self):
        self.ok("pipe", "in", "out")
        terminal = self.terminal
        # Only an interactive shell has jobs.
        terminal.type('set -m; "$FARPOLL" top')
        terminal.wait_for(r"^handles 2 ")
        terminal.press("C-z")
        terminal.wait_for(r"Stopped")
        terminal.type("fg")
        terminal.wait_for(r"^handles 2 ")
        terminal.press("q")
        terminal.wait_for(r"^handles", absent=True)

    def test_top_outlives_its_server(self):
        server = Server()
        self.addCleanup(server.stop)
        self.env["FARPOLL_ADDR"] = server.address
        terminal = self.terminal
        terminal.type("export FARPOLL_ADDR=%s FARPOLL_SESSION=far"
                      % server.address)
        self.ok("session", "create", "--name", "far")
        terminal.type('"$FARPOLL" top; echo code $?')
        terminal.wait_for(r"^handles 0 ")
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(DEADLINE)
        terminal.wait_for(r"NO SERVER")
        server.restart()
        screen = terminal.wait_for(r"^code 69$")
        self.assertIn("SESSION_UNKNOWN", screen)

    def test_top_once_is_for_scripts(self):
        self.ok("pipe", "in", "out")
        lines = self.ok("top", "--once", "--sort", "name").splitlines()
        self.assertRegex(lines[0], r"^NAME +KIND +READY +LAST +B/S +CHG/S$")
        self.assertRegex(lines[1], r"^in +pipe-reader +- ")
        self.assertRegex(lines[2], r"^out +pipe-writer +W ")
        handles = self.json("top", "--once", "out")["handles"]
        self.assertEqual([(each["handle"], each["ready"]) for each in handles],
                         [("out", ["WRITE", "WRITE_NORMAL"])])
        self.assertIn("--once", self.fails(1, "top"))
        self.assertIn("--once", self.fails(2, "top", "-o", "json"))
        self.assertIn("--sort", self.fails(2, "top", "--sort", "colour"))

    # ---- watch.

    def test_watch_shows_lines_as_they_come(self):
        self.make_handles()
        terminal = self.terminal
        terminal.type('"$FARPOLL" watch "r7*" --state; echo code $?')
        screen = terminal.wait_for(r"^[\d:.]+ +r79 +- +present$")
        self.assertRegex(screen, r"(?m)^TIME +HANDLE +READY +CHANGE$")
        self.ok("write", "w7", "hello")
        terminal.wait_for(r"^[\d:.]+ +r7 +R +.*\+R")
        self.assertEqual(self.ok("read", "r7"), "hello")
        terminal.wait_for(r"^[\d:.]+ +r7 +.*-R, 5 B read$")
        terminal.press("C-c")
        terminal.wait_for(r"interrupted after 13 changes; go on with --since ")
        terminal.wait_for(r"^code 130$")

    def test_watch_sums_up_with_progress_beside_it(self):
        self.make_handles()
        terminal = self.terminal
        terminal.type('"$FARPOLL" watch --summary; echo code $?')
        terminal.wait_for(r"^0 changes of 0 handles")
        self.ok("write", "w7", "hello")
        terminal.wait_for(r"^2 changes of 2 handles")
        terminal.press("C-c")
        screen = terminal.wait_for(r"^code 130$")
        self.assertRegex(screen, r"(?m)^HANDLE +KIND +CHANGES +READ +WRITTEN +"
                                 r"READY$")
        self.assertRegex(screen, r"(?m)^r7 +pipe-reader +1 +0 B +0 B +R$")
        self.assertRegex(screen, r"(?m)^w7 +pipe-writer +1 +0 B +5 B +W$")
        self.assertNotRegex(screen, r"(?m)^2 changes of")

    def test_watch_summary_in_a_pipe_is_data_alone(self):
        self.ok("pipe", "in", "out")
        watcher = self.start("watch", "--summary", "--count", "1", "-o", "json",
                             "out")
        while watcher.process.poll() is None:
            self.run_it("write", "out", "x")
        out = watcher.process.stdout.read().decode()
        self.assertEqual(watcher.process.stderr.read(), b"")
        self.assertRegex(out, r'"handle": "out"')
        self.assertRegex(out, r'"changes": 1\b')


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
