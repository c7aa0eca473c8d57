"""Connection state recovery: next to Socket.IO's own with Redis Streams, and
what it costs."""
import os
import subprocess

from .processes import BenchError, free_port, wait_for_port
from .report import progress, thousands
from .systems import program

_BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_RECOVERY = os.path.join(_BENCH, "recovery")
_E2E = os.path.join(os.path.dirname(_BENCH), "test", "e2e")

TARGETS = ["//broker:roomlog-broker", "//node:roomlog-edge"]

RATES = [100, 1000]
CLIENTS_EACH = 20
SINGLE_P99_MS_MAX = 5.0
STORM_LATENCY_RATIO_MAX = 3.0
SESSION_BYTES_MAX = 1024
_WRONG = ["missing", "twice", "out_of_order", "disorder", "false_recovered",
          "other"]


def install():
    """The npm packages of clients and peers. No script of theirs is run."""
    for folder in (_E2E, _RECOVERY):
        if os.path.exists(os.path.join(folder, "node_modules")):
            continue
        if subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit",
                           "--no-fund"], cwd=folder, check=False).returncode:
            raise BenchError(f"the npm packages of {folder} cannot be "
                             "installed")


class Recovery:
    def __init__(self, arguments, processes, directory, page):
        self._quick = arguments.quick
        self._seconds = arguments.seconds
        self._processes = processes
        self._directory = directory
        self._page = page
        self._logs = 0

    def run(self):
        install()
        self._drops()
        self._single()
        self._storm()
        self._memory()

    def _drops(self):
        rows = []
        for rate in RATES:
            for name, start in (("roomlog", self._roomlog),
                                ("redis-streams", self._redis_streams)):
                servers, ports = start()
                figures = self._node(
                    "drops.mjs", f"--nodes={_addresses(ports)}",
                    f"--rate={rate}", f"--seconds={self._seconds}",
                    f"--clients={CLIENTS_EACH}",
                    *(["--roomlog"] if name == "roomlog" else []))
                self._stop(servers)
                progress(f"{rate} publishes/s on each node: {name} {figures}")
                whole = not any(figures[part] for part in _WRONG)
                rows.append([
                    name, rate, *[thousands(figures[part]) for part in (
                        "publishes", "drops", "recovered", "anew", *_WRONG)],
                    _yes(whole) if name == "roomlog" else "-"])
        self._page.section(
            "Recovery: clients that are cut off all the time",
            [f"Two nodes, {CLIENTS_EACH} official clients each in 3 of 5 "
             "rooms, cut off 60 to 180 ms after each connection; they come "
             f"back to either node. {self._seconds:g} s. One client on each "
             "node publishes, on both systems by an event that the server "
             "answers; one on each is never cut off. What all of them saw is "
             "judged by the oracle of the fault tests. \"Anew\": it was told "
             "that it is not recovered; ours then joins after its last "
             "offset. Redis keeps nothing on the disk; the broker syncs "
             "every commit."])
        self._page.table(
            ["system", "publishes/s", "publishes", "drops", "recovered",
             "anew", "missing", "twice", "out of order", "orders disagree",
             "false recovered", "other", "all 0"], rows)

    def _single(self):
        servers, ports = self._roomlog()
        figures = self._sessions(servers, ports, "single",
                                 f"--rounds={30 if self._quick else 500}")
        self._stop(servers)
        self._page.section(
            "Recovery of one session with 512 missed events in 5 rooms",
            ["From the client's CONNECT to the server's, on either node in "
             "turn; every event is counted. The clock is the client's, on "
             "Node.js."])
        self._page.table(
            ["recoveries", "p50 ms", "p99 ms",
             f"p99 within {SINGLE_P99_MS_MAX:g} ms"],
            [[figures["recoveries"], f"{figures['p50_ms']:.2f}",
              f"{figures['p99_ms']:.2f}",
              _yes(figures["p99_ms"] <= SINGLE_P99_MS_MAX)]])

    def _storm(self):
        clients = 1_000 if self._quick else 10_000
        servers, ports = self._roomlog()
        figures = self._sessions(servers, ports, "storm",
                                 f"--clients={clients}")
        self._stop(servers)
        ratio = figures["storm_p99_ms"] / figures["quiet_p99_ms"]
        self._page.section(
            "A node is killed, and all its clients recover on the other",
            ["Each missed 100 events of one of 100 rooms. CPU of the node and "
             "the broker; latency from publishing to hearing, on the node to "
             "which they come. The clients are one process on Node.js, which "
             "shares the machine."])
        self._page.table(
            ["clients", "whole", "seconds until the last", "CPU us each",
             "publish p99 ms before", "during", "ratio",
             f"at most {STORM_LATENCY_RATIO_MAX:g}"],
            [[thousands(clients), thousands(figures["whole"]),
              f"{figures['seconds']:.2f}", thousands(figures["cpu_us"]),
              f"{figures['quiet_p99_ms']:.2f}",
              f"{figures['storm_p99_ms']:.2f}", f"{ratio:.2f}",
              _yes(ratio <= STORM_LATENCY_RATIO_MAX and
                   figures["whole"] == clients)]])

    def _memory(self):
        sessions = 5_000 if self._quick else 50_000
        servers, ports = self._roomlog("--recovery_window=1h")
        figures = self._sessions(servers, ports, "memory",
                                 f"--clients={sessions}")
        self._stop(servers)
        self._page.section(
            "Memory of the broker for idle sessions",
            ["Resident memory with so many sessions of 3 rooms whose clients "
             "are gone, less that before; the log's own buffers grow in it "
             "too."])
        self._page.table(
            ["sessions", "before MB", "after MB", "bytes each",
             f"at most {SESSION_BYTES_MAX:,}"],
            [[thousands(sessions), f"{figures['resident_before'] / 1e6:.1f}",
              f"{figures['resident_after'] / 1e6:.1f}",
              thousands(figures["bytes_each"]),
              _yes(figures["bytes_each"] <= SESSION_BYTES_MAX)]])

    def _roomlog(self, *edge_flags):
        """The nodes, then the broker; and the ports of the nodes."""
        data = os.path.join(self._directory, f"sessions-{self._logs}")
        broker_port = free_port()
        broker = self._start([program("broker/roomlog-broker"),
                              f"--listen=tcp://127.0.0.1:{broker_port}",
                              f"--data={data}"])
        wait_for_port(broker, broker_port)
        ports = [free_port(), free_port()]
        nodes = [self._start([program("node/roomlog-edge"),
                              f"--listen=127.0.0.1:{port}", f"--name={port}",
                              f"--broker=tcp://127.0.0.1:{broker_port}",
                              *edge_flags]) for port in ports]
        return self._ready([*nodes, broker], ports)

    def _redis_streams(self):
        redis_port = free_port()
        redis = self._start(["redis-server", "--bind", "127.0.0.1", "--port",
                             str(redis_port), "--save", "", "--dir",
                             self._directory])
        wait_for_port(redis, redis_port)
        ports = [free_port(), free_port()]
        nodes = [self._start(["node",
                              os.path.join(_RECOVERY, "socketio_server.mjs"),
                              str(port), str(redis_port)]) for port in ports]
        return self._ready([*nodes, redis], ports)

    def _ready(self, servers, ports):
        for server, port in zip(servers, ports):
            wait_for_port(server, port)
        return servers, ports

    def _sessions(self, servers, ports, measure, *flags):
        return self._node(
            "sessions.mjs", f"--measure={measure}",
            f"--nodes={_addresses(ports)}",
            "--pids=" + ",".join(str(server.pid) for server in servers),
            *flags)

    def _node(self, script, *flags):
        client = self._start(["node", os.path.join(_RECOVERY, script), *flags],
                             answers=True)
        figures = client.read_json(self._seconds + 600)
        self._processes.stop(client)
        return figures

    def _start(self, command, answers=False):
        self._logs += 1
        return self._processes.start(
            command, os.path.join(self._directory, f"recovery-{self._logs}.log"),
            answers=answers)

    def _stop(self, servers):
        for server in servers:
            self._processes.stop(server)


def _addresses(ports):
    return ",".join(f"http://127.0.0.1:{port}" for port in ports)


def _yes(reached):
    return "yes" if reached else "NO"
