"""The real server binary, for tests that talk to it from outside."""
import re
import shutil
import subprocess
import tempfile

# Generous: a loaded machine may take long to start a program.
_STOP_SECONDS = 20


class Farpolld:
    """A running farpolld, ready to answer; stops it on leaving a `with`.

    `listen` is "tcp" for a free loopback port or "unix" for a private socket.
    """

    def __init__(self, binary, listen):
        # Not below the test's own folder, whose path is too long for a socket.
        self._folder = tempfile.mkdtemp(prefix="farpoll-")
        address = {"tcp": "127.0.0.1:0",
                   "unix": "unix:%s/s" % self._folder}[listen]
        self.process = subprocess.Popen(
            [binary, "--debuggable", "--listen", address],
            stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        match = re.fullmatch(r"farpolld \S+ listening on (\S+)\n", ready)
        if not match:
            self.stop()
            raise AssertionError("farpolld said %r when started" % ready)
        self.address = match.group(1)

    def stop(self):
        """Ends the server by SIGTERM and returns its exit code."""
        self.process.terminate()
        try:
            code = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()
