"""The processes that a measurement starts, none of which outlives it."""
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time

STOP_SECONDS_MAX = 20


class BenchError(Exception):
    """What was asked cannot be measured, or its figure cannot be trusted."""


class Process:
    """A child process. What it says goes to a log file; but if `answers`, its
    standard output is read as lines of JSON."""

    def __init__(self, command, log_path, answers):
        self.command = command
        self._log_path = log_path
        self._pending = b""
        with open(log_path, "wb") as log:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if answers else log, stderr=log, start_new_session=True, preexec_fn=_die_with_us)

    @property
    def pid(self):
        return self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def read_json(self, seconds_max):
        """The next line of output; BenchError if none comes in time."""
        deadline = time.monotonic() + seconds_max
        output = self._popen.stdout
        while b"\n" not in self._pending:
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([output], [], [], wait)[0]:
                raise BenchError(f"no answer in {seconds_max:.0f} s from "
                                 f"{self.describe()}")
            read = os.read(output.fileno(), 1 << 16)
            if not read:
                self._popen.wait()
                raise BenchError(f"{self.describe()} ended with "
                                 f"{self._popen.returncode}")
            self._pending += read
        line, self._pending = self._pending.split(b"\n", 1)
        return json.loads(line)

    def cpu_seconds(self):
        """CPU time used so far, by all threads."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self):
        """Resident memory by its parts, as /proc/<pid>/status names them."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            lines = (line.split() for line in file if line.startswith(
                ("VmRSS:", "RssAnon:", "VmHWM:")))
            return {words[0][:-1]: int(words[1]) * 1024 for words in lines}

    def stop(self):
        """Ends it kindly, then unkindly. False if it had to be killed."""
        kindly = True
        if self.running():
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                kindly = False
        self.kill()
        return kindly

    def kill(self):
        if self.running():
            self._popen.kill()
        self._popen.wait()
        if self._popen.stdout:
            self._popen.stdout.close()

    def describe(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            last = log.read()[-2000:].strip()
        command = " ".join(self.command)
        return f"{command}\n{last}" if last else command


class Processes:
    """Starts processes and stops every one that is left on the way out."""

    def __init__(self):
        self._all = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not leave half of them.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in reversed(self._all):
            process.kill()

    def start(self, command, log_path, answers=False):
        process = Process(command, log_path, answers)
        self._all.append(process)
        return process

    def stop(self, process):
        kindly = process.stop()
        self._all.remove(process)
        return kindly


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(process, port, seconds_max=30):
    """Waits until `process` takes connections."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        if not process.running():
            raise BenchError(f"{process.describe()} did not start")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise BenchError(f"{process.describe()} does not listen")


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_us():
    """In the child: SIGKILL to it when the runner is gone, however it went."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
