"""What the edge costs its clients: next to uWebSockets, and Socket.IO on
Node.js."""
import itertools
import os
import statistics
import subprocess

from .processes import BenchError, free_port, wait_for_port
from .report import progress, spread, thousands
from .systems import program

_EDGE = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "edge")

TARGETS = ["//bench/edge:load_client", "//bench/edge:library_server",
           "//examples:engine_echo"]

# Goals: what the ratio of ours to theirs shall reach, or not exceed.
FAN_OUT = [("uwebsockets", 1, 1.0), ("uwebsockets", 16, 1.0),
           ("socket.io", 16, 10.0)]
CLIENTS = [100, 1000]
CONNECTIONS_RATIO_MIN = 3.0
IDLE_BYTES_MAX = 6 * 1024
LATENCY_RATIO_MAX = 1.0

_SERVERS = {
    "uwebsockets": ("raw", lambda port: [
        "node", os.path.join(_EDGE, "uwebsockets_server.mjs"), str(port)]),
    "socket.io": ("socketio", lambda port: [
        "node", os.path.join(_EDGE, "socketio_server.mjs"), str(port)]),
    "roomlog": ("socketio", lambda port: [
        program("bench/edge/library_server"), f"--listen=127.0.0.1:{port}"]),
    "roomlog-engine": ("engineio", lambda port: [
        program("examples/engine_echo"), f"--listen=127.0.0.1:{port}",
        "--fan_out"]),
}
_FAN_OUT_SERVERS = ("uwebsockets", "roomlog", "roomlog-engine", "socket.io")


def install():
    """The npm packages of the peers. No script of theirs is run."""
    if os.path.exists(os.path.join(_EDGE, "node_modules", "uwebsockets")):
        return
    if subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit",
                       "--no-fund"], cwd=_EDGE, check=False).returncode != 0:
        raise BenchError("the npm packages of bench/edge cannot be installed")


class Edge:
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
        self._fan_out()
        self._connections()
        self._latency()
        self._idle()

    def _fan_out(self):
        found = {}
        for clients in CLIENTS:
            for in_flight in (1, 16):
                for number in range(self._rounds):
                    for name in _FAN_OUT_SERVERS:
                        figures = self._measure(
                            name, "fanout", clients, f"--in_flight={in_flight}")
                        used = max(figures["server_cpu_seconds"], 0.01)
                        rate = figures["deliveries"] / used
                        found.setdefault((name, clients, in_flight),
                                         []).append(rate)
                        progress(f"round {number + 1}/{self._rounds}, {clients} "
                                 f"clients, {in_flight} in flight: {name} "
                                 f"{rate:,.0f} deliveries per CPU second")
        self._page.section(
            "Fan-out: deliveries per CPU second of the server",
            ["One client sends 128 bytes, all get them; then the next, or the "
             "next 16. Every delivery is counted. uWebSockets by its own "
             "publish, Socket.IO by io.emit, and so ours, through the log in "
             "its memory; roomlog-engine is the engine alone.",
             self._how_often()])
        self._page.table(
            ["server", *[f"{clients} clients, {in_flight} in flight"
                         for clients in CLIENTS for in_flight in (1, 16)]],
            [[name, *[spread(found[name, clients, in_flight])
                      for clients in CLIENTS for in_flight in (1, 16)]]
             for name in _FAN_OUT_SERVERS])
        rows = []
        for ours, (theirs, in_flight, goal), clients in itertools.product(
                ("roomlog", "roomlog-engine"), FAN_OUT, CLIENTS):
            ratios = [a / b for a, b in zip(
                found[ours, clients, in_flight],
                found[theirs, clients, in_flight])]
            rows.append([f"{ours} / {theirs}, {clients} clients, "
                         f"{in_flight} in flight",
                         spread(ratios, "{:.2f}".format),
                         f"at least {goal}",
                         _yes(statistics.median(ratios) >= goal)])
        self._page.table(["ratio, round by round", "median", "goal", "reached"],
                         rows)

    def _connections(self):
        found = {"roomlog": [], "socket.io": []}
        for number in range(self._rounds):
            for name, rates in found.items():
                figures = self._measure(name, "connect", 200)
                rates.append(figures["connections"] / figures["seconds"])
                progress(f"round {number + 1}/{self._rounds}: {name} "
                         f"{rates[-1]:,.0f} connections a second")
        ratios = [a / b for a, b in zip(found["roomlog"], found["socket.io"])]
        self._page.section(
            "Connections a second",
            ["By WebSocket, until messages may be sent; 200 at a time, which "
             "then leave. Both have joined the namespace / by then.",
             self._how_often()])
        self._page.table(["server", "connections/s"],
                         [[name, spread(rates)]
                          for name, rates in found.items()])
        self._page.table(
            ["ratio, round by round", "median", "goal", "reached"],
            [["roomlog / socket.io", spread(ratios, "{:.1f}".format),
              f"at least {CONNECTIONS_RATIO_MIN}",
              _yes(statistics.median(ratios) >= CONNECTIONS_RATIO_MIN)]])

    def _latency(self):
        found = {"roomlog": [], "socket.io": []}
        for _ in range(self._rounds):
            for name, figures in found.items():
                figures.append(self._measure(name, "echo", 1000))
        self._page.section(
            "Latency of an answer at 1,000 clients",
            ["One asks and is acknowledged, then another; the rest are idle.",
             self._how_often()])
        micros = "{:.0f}".format
        self._page.table(
            ["server", "p50 us", "p99 us"],
            [[name, *[spread([f[part] for f in figures], micros)
                      for part in ("p50_us", "p99_us")]]
             for name, figures in found.items()])
        rows = []
        for part in ("p50_us", "p99_us"):
            ratios = [a[part] / b[part] for a, b in zip(
                found["roomlog"], found["socket.io"])]
            rows.append([f"roomlog / socket.io, {part[:3]}",
                         spread(ratios, "{:.2f}".format),
                         f"at most {LATENCY_RATIO_MAX}",
                         _yes(statistics.median(ratios) <= LATENCY_RATIO_MAX)])
        self._page.table(["ratio, round by round", "median", "goal", "reached"],
                         rows)

    def _idle(self):
        clients = 2_000 if self._quick else 15_000
        rows = []
        for name in ("roomlog", "socket.io"):
            figures = self._measure(name, "idle", clients)
            bytes_each = figures["bytes_per_client"]
            rows.append([name, thousands(clients),
                         f"{figures['resident_after'] / 1e6:.1f}",
                         thousands(bytes_each),
                         _yes(bytes_each <= IDLE_BYTES_MAX)])
        self._page.section(
            "Memory of idle clients",
            ["Resident memory of the server with so many connected by "
             "WebSocket and in the namespace /, less that before they came."])
        self._page.table(["server", "clients", "resident MB", "bytes a client",
                          f"at most {IDLE_BYTES_MAX:,}"], rows)

    def _measure(self, name, measure, clients, *flags):
        """Server and client have a core each, so that neither waits for the
        other's."""
        protocol, command = _SERVERS[name]
        port = free_port()
        cores = sorted(os.sched_getaffinity(0))
        server = self._start(["taskset", "-c", str(cores[0]), *command(port)],
                             answers=False)
        wait_for_port(server, port)
        client = self._start(
            ["taskset", "-c", str(cores[-1]), program("bench/edge/load_client"), f"--port={port}",
             f"--pid={server.pid}", f"--protocol={protocol}",
             f"--measure={measure}", f"--clients={clients}",
             f"--duration={self._seconds}s", *flags], answers=True)
        figures = client.read_json(self._seconds + 120)
        self._processes.stop(client)
        self._processes.stop(server)
        return figures

    def _start(self, command, answers):
        self._logs += 1
        return self._processes.start(
            command, os.path.join(self._directory, f"edge-{self._logs}.log"),
            answers=answers)

    def _how_often(self):
        return (f"{self._rounds} rounds of {self._seconds:g} s, the servers in "
                "turn, each anew; median (least to most).")


def _yes(reached):
    return "yes" if reached else "NO"
