"""The examples that serve: an echo, a follower of a log, a supervisor.

    services_test.py FARPOLLD REMOTE_ECHO LOG_FOLLOWER SUPERVISOR
"""
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from tests.integration import farpolld

FARPOLLD, ECHO, FOLLOWER, SUPERVISOR = sys.argv[1:5]
DEADLINE = 30


class ServicesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="farpoll-services-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = farpolld.Farpolld(FARPOLLD, "unix")
        self.addCleanup(self.server.stop)
        self.output = b""

    def start(self, *command):
        self.program = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.addCleanup(self.program.stdout.close)
        self.addCleanup(self.program.kill)

    def wait_for(self, text):
        """Reads the program's output until `text` is in it, and drops that."""
        end = time.monotonic() + DEADLINE
        while text not in self.output:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.program.stdout], [], [],
                                              left)[0]:
                raise AssertionError("%r is not in %r" % (text, self.output))
            more = os.read(self.program.stdout.fileno(), 65536)
            if not more:
                raise AssertionError("it ended after %r" % self.output)
            self.output += more
        before, _, self.output = self.output.partition(text)
        return before

    def stop(self):
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(self.program.wait(DEADLINE), 0)

    # ---- remote_echo.

    def connect(self):
        self.start(ECHO, self.server.address)
        self.wait_for(b"listening on ")
        self.wait_for(b"127.0.0.1:")
        port = int(self.wait_for(b"\n"))
        return lambda: socket.create_connection(("127.0.0.1", port), DEADLINE)

    @staticmethod
    def read_all(peer):
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
        return answer

    def test_echo_serves_many_at_once(self):
        connect = self.connect()
        peers = [connect() for _ in range(20)]
        for turn in (b"one", b"two"):
            for i, peer in enumerate(peers):
                peer.sendall(turn + str(i).encode())
            for i, peer in enumerate(peers):
                self.assertEqual(peer.recv(64), turn + str(i).encode())
        for peer in peers:
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(self.read_all(peer), b"")
            peer.close()
        self.stop()

    def test_echo_waits_for_a_peer_that_does_not_read(self):
        connect = self.connect()
        data = os.urandom(8 << 20)
        with connect() as slow, connect() as quick:
            slow.setblocking(False)
            sent = 0
            while sent < len(data):  # until nobody takes more
                if not select.select([], [slow], [], 1)[1]:
                    break
                sent += slow.send(data[sent:sent + 65536])
            quick.sendall(b"still there?")
            self.assertEqual(quick.recv(64), b"still there?")
            answer = b""
            while len(answer) < len(data):
                readable, writable, _ = select.select(
                    [slow], [slow] if sent < len(data) else [], [], DEADLINE)
                self.assertTrue(readable or writable)
                if readable:
                    answer += slow.recv(1 << 20)
                if writable:
                    sent += slow.send(data[sent:sent + 65536])
            self.assertEqual(answer, data)
        self.stop()

    # ---- log_follower.

    def test_follower_goes_on_through_rotation(self):
        path = self.folder + "/log"
        with open(path, "wb") as log:
            log.write(b"first\n")
            log.flush()
            self.start(FOLLOWER, path, self.server.address)
            self.assertEqual(self.wait_for(b"first\n"), b"")
            log.write(b"second\n")
            log.flush()
            self.assertEqual(self.wait_for(b"second\n"), b"")
            os.rename(path, path + ".1")
            log.write(b"last of the old\n")
        with open(path, "wb") as log:
            log.write(b"first of the new\n")
        self.assertEqual(self.wait_for(b"first of the new\n"),
                         b"last of the old\n")
        self.stop()

    def test_follower_waits_for_a_file_that_is_not_there_yet(self):
        path = self.folder + "/later"
        self.start(FOLLOWER, path, self.server.address)
        with open(path + ".new", "wb") as log:
            log.write(b"hello\n")
        os.rename(path + ".new", path)
        self.assertEqual(self.wait_for(b"hello\n"), b"")
        self.stop()

    # ---- supervisor.

    def test_supervisor_starts_again_and_later_each_time(self):
        self.start(SUPERVISOR, self.server.address, "echo said; exit 3")
        for pause in (b"100ms", b"200ms", b"400ms"):
            self.assertEqual(
                self.wait_for(b"[1] exit 3, again in " + pause + b"\n"),
                b"said\n")
        self.stop()

    def test_supervisor_ends_its_children_with_itself(self):
        self.start(SUPERVISOR, self.server.address,
                   "echo here $$; exec sleep 1000",
                   "trap 'exit 0' TERM; echo there $$; while :; do sleep 1; "
                   "done")
        said = b""
        while said.count(b"\n") < 2:
            said += self.wait_for(b"\n") + b"\n"
        pids = [int(line.split()[1]) for line in said.splitlines()]
        self.stop()
        end = time.monotonic() + DEADLINE
        while any(os.path.exists("/proc/%d" % pid) for pid in pids):
            self.assertLess(time.monotonic(), end)

    def test_supervisor_passes_on_all_of_a_large_output(self):
        self.start(SUPERVISOR, self.server.address, "seq 100000")
        said = self.wait_for(b"[1] exit 0")
        self.assertEqual(said, b"".join(b"%d\n" % i for i in range(1, 100001)))
        self.stop()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]])
