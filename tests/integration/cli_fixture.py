"""The command line and the real server, for tests of the one against the other.

usage of such a test: PROGRAM FARPOLL FARPOLLD
No sleeps: what comes is awaited with a deadline, and what must not come is
asserted after something that comes later.
"""
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

FARPOLL = os.path.abspath(sys.argv[1])
FARPOLLD = os.path.abspath(sys.argv[2])
DEADLINE = 30


class Background:
    """A program whose lines are awaited one by one."""

    def __init__(self, command, env=None, stdin=None):
        self.process = subprocess.Popen(command, env=env, stdin=stdin,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self._buffer = b""

    def line(self):
        """The next line of standard output."""
        end = time.monotonic() + DEADLINE
        fd = self.process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise AssertionError("no line within the deadline; so far: %r"
                                     % self._buffer)
            more = os.read(fd, 4096)
            if not more:
                raise AssertionError("it ended: %r" %
                                     self.process.stderr.read())
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def end(self, number=None):
        """Its exit code and standard error; sends signal `number` first."""
        if number is not None:
            # Standard input stays open, or its end might be served first.
            self.process.send_signal(number)
            self.process.wait(timeout=DEADLINE)
        _, error = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, error.decode()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        for stream in (self.process.stdin, self.process.stdout,
                       self.process.stderr):
            if stream:
                stream.close()


class Server:
    """farpolld on a socket of its own."""

    def __init__(self, *flags):
        self.folder = tempfile.mkdtemp(prefix="farpoll-")
        self.address = "unix:%s/s.sock" % self.folder
        self.log = open(self.folder + "/log", "wb")
        self.flags = flags
        self._start()

    def _start(self):
        self.process = subprocess.Popen(
            [FARPOLLD, "--debuggable", "--listen", self.address, *self.flags],
            stdout=subprocess.PIPE, stderr=self.log)
        if not select.select([self.process.stdout], [], [], DEADLINE)[0]:
            raise AssertionError("the server did not start")
        self.process.stdout.readline()

    def _end(self):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def restart(self):
        self._end()
        self._start()

    def stop(self):
        try:
            self._end()
        finally:
            self.log.close()
            shutil.rmtree(self.folder)


class Relay:
    """A place before a server whose connections can be cut."""

    def __init__(self, server):
        self.folder = tempfile.mkdtemp(prefix="farpoll-relay-")
        self.address = "unix:%s/s.sock" % self.folder
        self._there = server.address[len("unix:"):]
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address[len("unix:"):])
        self._listener.listen()
        self._ends = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                here = self._listener.accept()[0]
            except OSError:
                return  # closed
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._there)
            with self._lock:
                self._ends += [here, there]
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._forward, args=(source, sink),
                                 daemon=True).start()

    @staticmethod
    def _forward(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # cut

    def cut(self):
        with self._lock:
            for end in self._ends:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # ended by itself
            self._ends.clear()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        shutil.rmtree(self.folder)


class CliCase(unittest.TestCase):
    """A session of its own on a server that its class shares."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="farpoll-home-")
        self.away = "unix:%s/away/s.sock" % self.home  # nobody listens there
        self.env = {"HOME": self.home, "PATH": os.environ.get("PATH", ""),
                    "XDG_CONFIG_HOME": self.home + "/config",
                    "XDG_RUNTIME_DIR": self.home + "/run",
                    "FARPOLL_ADDR": self.server.address}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "COVERAGE_DIR",
                     "GCOV_PREFIX", "GCOV_PREFIX_STRIP", "LD_LIBRARY_PATH"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.session = "t-" + self.id().rpartition(".")[2]
        self.env["FARPOLL_SESSION"] = self.session
        self.ok("session", "create", "--name", self.session)
        self.background = []

    def tearDown(self):
        for program in self.background:
            program.kill()
        self.run_it("session", "close", self.session)
        shutil.rmtree(self.home)

    # ---- Running.

    def run_it(self, *words, stdin=b"", env=None):
        done = subprocess.run([FARPOLL, *words], input=stdin,
                              capture_output=True, timeout=DEADLINE,
                              env=dict(self.env, **(env or {})))
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def ok(self, *words, **kwargs):
        code, out, error = self.run_it(*words, **kwargs)
        self.assertEqual(code, 0, "%s: %s%s" % (words, out, error))
        return out

    def fails(self, expected, *words, **kwargs):
        code, out, error = self.run_it(*words, **kwargs)
        self.assertEqual(code, expected, "%s: %s%s" % (words, out, error))
        return error

    def start(self, *words, **kwargs):
        program = Background([FARPOLL, *words], env=self.env, **kwargs)
        self.background.append(program)
        return program

    def json(self, *words):
        return json.loads(self.ok(*words, "-o", "json"))

    def without_session(self):
        self.run_it("session", "close", self.session)
        del self.env["FARPOLL_SESSION"]
