"""Who is in a room: what the broker says while a node is paused, next to what
fetchSockets() of the adapters that use Redis takes."""
import os
import signal

from .adapter import PEERS, install
from .processes import free_port, wait_for_port
from .report import progress, thousands
from .systems import program

TARGETS = ["//broker:roomlog-broker", "//bench:presence_client"]

_HERE = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "adapter")

P99_MS_MAX = 1.0
CHANGES_PER_SECOND_MIN = 100_000
SECONDS_MAX = 300


class Presence:
    def __init__(self, arguments, processes, directory, page):
        self._quick = arguments.quick
        self._processes = processes
        self._directory = directory
        self._page = page
        self._logs = 0

    def run(self):
        install()
        ours = self._ours()
        sockets = 200 if self._quick else 1000
        peers = {name: self._fetch(name, sockets) for name in PEERS}
        progress(f"presence: {ours} {peers}")
        members = thousands(ours["members"])
        self._page.section(
            "Who is in a room",
            [f"Ours: a room of {members} sockets of two nodes, of which one is "
             "paused; questions one after the other over the link, a count and "
             "a page of 100. Changes: joins and leaves of one node, 8,192 on "
             "their way, acknowledged (--durability=interval:1s). Theirs: "
             f"fetchSockets() of a room of {thousands(sockets)} sockets on two "
             "servers, which brings all of them; paused: with one of the "
             "servers stopped, one call."])
        rows = [[f"{kind}, {members} members", f"{times['p50_us'] / 1e3:.2f}",
                 f"{times['p99_us'] / 1e3:.2f}", f"at most {P99_MS_MAX:g}",
                 _yes(times["p99_us"] / 1e3 <= P99_MS_MAX)]
                for kind, times in ((kind, ours[kind])
                                    for kind in ("count", "page"))]
        rows += [[f"{name}, both running", f"{each['p50_ms']:.2f}",
                  f"{each['p99_ms']:.2f}", "-", "-"]
                 for name, each in peers.items()]
        rows += [[f"{name}, one paused", f"{each['paused_ms']:.0f}",
                  "it failed" if each["paused_found"] is None
                  else f"found {each['paused_found']}", "-", "-"]
                 for name, each in peers.items()]
        self._page.table(["", "p50 ms", "p99 ms", "goal", "reached"], rows)
        self._page.table(
            ["", "a second", "goal", "reached"],
            [["sessions opened, in two rooms each",
              thousands(ours["opens_per_second"]), "-", "-"],
             ["joins and leaves", thousands(ours["changes_per_second"]),
              f"at least {CHANGES_PER_SECOND_MIN:,}",
              _yes(ours["changes_per_second"] >= CHANGES_PER_SECOND_MIN)]])

    def _ours(self):
        each = 5_000 if self._quick else 50_000
        port = free_port()
        broker = self._start([
            program("broker/roomlog-broker"),
            f"--listen=tcp://127.0.0.1:{port}", "--durability=interval:1s",
            f"--data={os.path.join(self._directory, 'presence')}"])
        wait_for_port(broker, port)
        client = [program("bench/presence_client"),
                  f"--server=127.0.0.1:{port}", f"--sockets={each}"]
        paused = self._start([*client, "--name=b", "--hold",
                              f"--changes={10 * each}"], answers=True)
        figures = paused.read_json(SECONDS_MAX)
        # Its lease is longer than what comes.
        os.kill(paused.pid, signal.SIGSTOP)
        asks = self._start([*client, "--name=a", f"--members={2 * each}",
                            "--questions=3000"], answers=True)
        figures |= asks.read_json(SECONDS_MAX)
        os.kill(paused.pid, signal.SIGCONT)
        for process in (asks, paused, broker):
            self._processes.stop(process)
        return figures | {"members": 2 * each}

    def _fetch(self, name, sockets):
        port = free_port()
        redis = self._start(["redis-server", "--bind", "127.0.0.1", "--port",
                             str(port), "--dir", self._directory])
        wait_for_port(redis, port)
        servers = [self._start(["node", "--expose-gc",
                                os.path.join(_HERE, "server.mjs"),
                                f"--adapter={name}",
                                f"--at=127.0.0.1:{port}"], answers=True)
                   for _ in range(2)]
        ports = [str(server.read_json(SECONDS_MAX)["port"])
                 for server in servers]
        client = self._start(["node", os.path.join(_HERE, "measure.mjs"),
                              "--measure=fetch", f"--servers={','.join(ports)}",
                              f"--sockets={sockets}",
                              f"--pause={servers[1].pid}"], answers=True)
        figures = client.read_json(SECONDS_MAX)
        for process in (client, *servers, redis):
            self._processes.stop(process)
        return figures

    def _start(self, command, answers=False):
        self._logs += 1
        return self._processes.start(
            command, os.path.join(self._directory, f"presence-{self._logs}.log"),
            answers=answers)


def _yes(is_reached):
    return "yes" if is_reached else "NO"
