"""Broadcasts between Socket.IO servers on Node.js: by our adapter, next to the
two that use Redis."""
import os
import statistics
import subprocess

from .processes import BenchError, free_port, wait_for_port
from .report import progress, spread, thousands
from .systems import program

_REPOSITORY = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_HERE = os.path.join(_REPOSITORY, "bench", "adapter")

TARGETS = ["//broker:roomlog-broker"]

PEERS = ["redis", "redis-streams"]
ADAPTERS = ["roomlog", "roomlog-recovery", *PEERS]
READY_SECONDS_MAX = 30
THROUGHPUT_RATIO_MIN = 2.0
LATENCY_RATIO_MAX = 1.5
SOCKET_BYTES_MAX = 1024


def install():
    """The npm packages of the servers; our own adapter, built."""
    for folder, flags in ((_HERE, ["--ignore-scripts"]),
                          (os.path.join(_REPOSITORY, "adapter"), [])):
        if not os.path.exists(os.path.join(folder, "node_modules")):
            _npm(folder, "ci", "--no-audit", "--no-fund", *flags)
    _npm(os.path.join(_REPOSITORY, "adapter"), "run", "--silent", "build")


class Adapter:
    def __init__(self, arguments, processes, directory, page):
        self._quick = arguments.quick
        self._rounds = arguments.rounds
        self._seconds = arguments.seconds
        self._processes = processes
        self._directory = directory
        self._page = page
        self._logs = 0

    def run(self):
        install()
        self._broadcasts()
        self._memory()

    def _broadcasts(self):
        found = {name: [] for name in ADAPTERS}
        for _ in range(self._rounds):
            for name in ADAPTERS:  # In turn, so that all have the same weather.
                figures = self._measure(
                    name, 3, "--measure=broadcasts",
                    f"--seconds={self._seconds:.0f}",
                    f"--emits={200 if self._quick else 2000}")
                progress(f"{name} {figures}")
                if figures["out_of_order"]:
                    raise BenchError(f"{name}: events of one server came out "
                                     "of order")
                found[name].append(figures)

        def all_of(name, part):
            return [figures[part] for figures in found[name]]

        self._page.section(
            "Broadcasts from one Node.js server to a client of another",
            ["io.to(room).emit of 100 bytes, 4,000 on their way; every one is "
             "counted, in order. CPU of the servers for each, and of a third "
             "that holds no socket of the room, as a part of one core. "
             "Latency: from emit to receipt, one at a time. The broker syncs "
             "every second (--durability=interval:1s); Redis has its default, "
             "which for what these adapters write is at best that. "
             "roomlog-recovery: with connectionStateRecovery, so with a "
             "session for each socket.", ])
        rows = []
        for name in ADAPTERS:
            rows.append([name, *[spread(all_of(name, part), show) for part, show
                                 in (("per_second", thousands),
                                     ("emits_cpu_us", _tenths),
                                     ("hears_cpu_us", _tenths),
                                     ("idle_cpu", _percent),
                                     ("p50_ms", _hundredths),
                                     ("p99_ms", _hundredths))]])
        self._page.table(
            ["adapter", "broadcasts/s", "emitting us", "hearing us",
             "without the room", "p50 ms", "p99 ms"], rows)

        def middle(name, part):
            return statistics.median(all_of(name, part))

        best = max(middle(name, "per_second") for name in PEERS)
        ratio = middle("roomlog", "per_second") / best
        slower = [middle("roomlog", part) / middle("redis-streams", part)
                  for part in ("p50_ms", "p99_ms")]
        self._page.table(
            ["ours against theirs", "ratio", "goal", "reached"],
            [["broadcasts/s, the better of the two", f"{ratio:.2f}",
              f"at least {THROUGHPUT_RATIO_MIN:g}",
              _yes(ratio >= THROUGHPUT_RATIO_MIN)],
             *[[f"{part} latency, redis-streams", f"{value:.2f}",
                f"at most {LATENCY_RATIO_MAX:g}",
                _yes(value <= LATENCY_RATIO_MAX)]
               for part, value in zip(("p50", "p99"), slower)]])

    def _memory(self):
        sockets = 500 if self._quick else 5000
        each = {name: self._measure(name, 1, "--measure=memory",
                                    f"--sockets={sockets}")["bytes_each"]
                for name in ("none", "none-recovery", *ADAPTERS)}

        def beyond(name):
            recovers = name.endswith("-recovery")
            return each[name] - each["none-recovery" if recovers else "none"]

        self._page.section(
            "Memory of a Node.js server for each connected socket",
            [f"{thousands(sockets)} sockets in one room; the heap and what it "
             "holds outside, collected before and after. Beyond: more than "
             "with Socket.IO's own adapter, with recovery if it has that."])
        self._page.table(
            ["adapter", "bytes each", "beyond", "goal", "reached"],
            [[name, thousands(bytes_each), thousands(beyond(name)),
              *([f"at most {SOCKET_BYTES_MAX:,}",
                 _yes(beyond(name) <= SOCKET_BYTES_MAX)]
                if name == "roomlog" else ["-", "-"])]
             for name, bytes_each in each.items()])

    def _measure(self, name, count, *flags):
        """Starts so many servers with that adapter, measures and stops them."""
        started = []
        address = self._back(name, started)
        servers = [self._start(["node", "--expose-gc",
                                os.path.join(_HERE, "server.mjs"),
                                f"--adapter={name.removesuffix('-recovery')}",
                                *(["--recovery"] if name.endswith("-recovery")
                                  else []), f"--at={address}"],
                               answers=True) for _ in range(count)]
        ports = [str(server.read_json(READY_SECONDS_MAX)["port"])
                 for server in servers]
        client = self._start(["node", os.path.join(_HERE, "measure.mjs"),
                              f"--servers={','.join(ports)}", *flags],
                             answers=True)
        figures = client.read_json(self._seconds + 300)
        for process in [client, *servers, *started]:
            self._processes.stop(process)
        return figures

    def _back(self, name, started):
        """What is behind the adapter; returns its address."""
        if name.startswith("none"):
            return "-"
        port = free_port()
        if name.startswith("roomlog"):
            data = os.path.join(self._directory, f"adapter-{self._logs}")
            command = [program("broker/roomlog-broker"),
                       f"--listen=tcp://127.0.0.1:{port}", f"--data={data}",
                       "--durability=interval:1s"]
        else:
            command = ["redis-server", "--bind", "127.0.0.1", "--port",
                       str(port), "--dir", self._directory]
        started.append(self._start(command))
        wait_for_port(started[0], port)
        return f"127.0.0.1:{port}"

    def _start(self, command, answers=False):
        self._logs += 1
        return self._processes.start(
            command,
            os.path.join(self._directory, f"adapter-{self._logs}.log"),
            answers=answers)


def _npm(folder, *words):
    if subprocess.run(["npm", *words], cwd=folder, check=False).returncode:
        raise BenchError(f"npm {words[0]} failed in {folder}")


def _tenths(number):
    return f"{number:.1f}"


def _hundredths(number):
    return f"{number:.2f}"


def _percent(number):
    return f"{100 * number:.1f} %"


def _yes(reached):
    return "yes" if reached else "NO"
