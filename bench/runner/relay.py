"""Polling behind a balancer that is not sticky: what a request costs that comes
to another node than its session's."""
import os

from .processes import free_port, wait_for_port
from .report import progress
from .systems import program

_RELAY = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "relay")

TARGETS = ["//broker:roomlog-broker", "//node:roomlog-edge"]

RATIO_MAX = 2.0


class Relay:
    def __init__(self, arguments, processes, directory, page):
        self._rounds = 500 if arguments.quick else 5000
        self._processes = processes
        self._directory = directory
        self._page = page

    def run(self):
        broker_port, *ports = [free_port() for _ in range(3)]
        broker = self._start("broker", [
            program("broker/roomlog-broker"),
            f"--listen=tcp://127.0.0.1:{broker_port}",
            f"--data={os.path.join(self._directory, 'relay')}"])
        wait_for_port(broker, broker_port)
        nodes = [self._start(f"node-{port}", [
            program("node/roomlog-edge"), f"--listen=127.0.0.1:{port}",
            f"--broker=tcp://127.0.0.1:{broker_port}"]) for port in ports]
        for node, port in zip(nodes, ports):
            wait_for_port(node, port)
        client = self._start("client", [
            "node", os.path.join(_RELAY, "polling.mjs"),
            f"--owner=http://127.0.0.1:{ports[0]}",
            f"--other=http://127.0.0.1:{ports[1]}",
            f"--rounds={self._rounds}"], answers=True)
        figures = client.read_json(600)
        for process in [client, *nodes, broker]:
            self._processes.stop(process)
        progress(f"polling: {figures}")
        rows = []
        for part in ("p50", "p99"):
            owner, other = figures["owner"][part], figures["other"][part]
            rows.append([part, f"{owner:.0f}", f"{other:.0f}",
                         f"{other / owner:.2f}",
                         "yes" if other / owner <= RATIO_MAX else "NO"])
        self._page.section(
            "Polling on another node than the session's",
            ["A request of the client's and the poll that brings its answer, "
             "by turns on the session's own node and on another one. The "
             "clock is the client's, on Node.js."])
        self._page.table(["", "own node us", "another us", "ratio",
                          f"at most {RATIO_MAX:g}"], rows)

    def _start(self, name, command, answers=False):
        return self._processes.start(
            command, os.path.join(self._directory, f"relay-{name}.log"),
            answers=answers)
