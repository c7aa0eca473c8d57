"""The measurements. Each asks one question and refuses to answer unproven."""
import dataclasses
import os
import shutil
import statistics

from .adapter import Adapter
from .edge import Edge
from .presence import Presence
from .processes import BenchError
from .recovery import Recovery
from .relay import Relay
from .report import progress, spread, thousands
from .systems import ALL as SYSTEMS
from .systems import program

ALL = ["throughput", "latency", "replay", "memory", "hops", "edge", "recovery",
       "relay", "presence", "adapter"]

IN_FLIGHT = [512, 4096, 16384]
ROOMS = 1000
EVENT_BYTES = 128

# Ours, theirs, and what the ratio of events a second shall reach with
# GOAL_IN_FLIGHT.
GOAL_IN_FLIGHT = 4096
THROUGHPUT_RATIOS = [
    ("roomlog-fsync", "redis-always", 3.0),
    ("roomlog-interval", "redis-everysec", 3.0),
    ("roomlog-fsync", "jetstream", 3.0),
    ("roomlog-fsync", "jetstream-passing", 3.0),
]
# Ours, theirs, and what the ratio of latencies shall not exceed.
LATENCY_RATIOS = [
    ("roomlog-fsync", "redis-always", 1.5),
    ("roomlog-interval", "redis-everysec", 2.5),
]
REPLAY_EVENTS = 100
REPLAY_P99_MS_MAX = 5.0

READY_SECONDS_MAX = 60
# For what is still on its way when the last publish was acknowledged.
DELIVERY_SECONDS_MAX = 30


def run(arguments, processes, directory, page):
    bench = Bench(arguments, processes, directory, page)
    for name in arguments.only:
        if name == "edge":
            Edge(arguments, processes, directory, page).run()
        elif name == "recovery":
            Recovery(arguments, processes, directory, page).run()
        elif name == "relay":
            Relay(arguments, processes, directory, page).run()
        elif name == "presence":
            Presence(arguments, processes, directory, page).run()
        elif name == "adapter":
            Adapter(arguments, processes, directory, page).run()
        else:
            getattr(bench, name)()


@dataclasses.dataclass
class Figures:
    events: int
    rate: float            # Acknowledged and delivered, events a second.
    p50_us: float          # From publish to delivery.
    p99_us: float
    acknowledged_p50_us: float
    server_cpu_us: float   # CPU time of the server for each event.
    clients_cpu_us: float  # The same of publisher and subscriber together.


class Bench:
    def __init__(self, arguments, processes, directory, page):
        self._quick = arguments.quick
        self._rounds = arguments.rounds
        self._seconds = arguments.seconds
        self._systems = [SYSTEMS[name] for name in arguments.systems]
        self._processes = processes
        self._directory = directory
        self._page = page
        self._logs = 0

    # How many events a second, with many publishes in flight?

    def throughput(self):
        found = {}
        for in_flight in IN_FLIGHT:
            found.update(self._rounds_of(in_flight))
        for in_flight in IN_FLIGHT:
            self._page.section(
                f"Throughput, {in_flight:,} publishes in flight",
                [f"{EVENT_BYTES}-byte events over {ROOMS:,} rooms; each was "
                 "acknowledged, and delivered to the other node once and in "
                 "order.", self._how_often()])
            self._page.table(
                ["system", "syncs", "events/s", "delivery p50 ms", "p99 ms",
                 "server CPU us/event", "clients CPU us/event"],
                [[system.name, system.syncs,
                  spread([f.rate for f in figures]),
                  _median(figures, "p50_us", 1e3), _median(figures, "p99_us",
                                                           1e3),
                  _median(figures, "server_cpu_us"),
                  _median(figures, "clients_cpu_us")]
                 for system in self._systems
                 for figures in [found[system.name, in_flight]]])
            self._ratios(
                "events/s", found, in_flight, THROUGHPUT_RATIOS,
                ["rate"], lambda ratio, goal: ratio >= goal, "at least")

    # How long from publish to delivery, one at a time?

    def latency(self):
        found = self._rounds_of(1)
        self._page.section(
            "Latency, one publish in flight",
            ["From the call that publishes to the call that delivers, on the "
             "other node.", self._how_often()])
        micros = "{:.0f}".format
        self._page.table(
            ["system", "syncs", "p50 us", "p99 us", "acknowledged p50 us",
             "events/s"],
            [[system.name, system.syncs,
              spread([f.p50_us for f in figures], micros),
              spread([f.p99_us for f in figures], micros),
              spread([f.acknowledged_p50_us for f in figures], micros),
              spread([f.rate for f in figures])]
             for system in self._systems
             for figures in [found[system.name, 1]]])
        self._ratios("latency", found, 1, LATENCY_RATIOS,
                     ["p50_us", "p99_us"],
                     lambda ratio, goal: ratio <= goal, "at most")

    # How long does a late joiner wait for the past of a quiet room?

    def replay(self):
        rooms = 10_000 if self._quick else 100_000
        reads = 1_000 if self._quick else 5_000
        system = SYSTEMS["roomlog-fsync"]
        data = self._new_directory()
        server, address = system.start(self._processes, data)
        self._publish(system, address, rooms, 16384, rooms * REPLAY_EVENTS,
                      even=True)
        self._stop(server)
        rows = []
        for cold in (False, True):
            if cold:
                _forget_cached_files(data)
            server, address = system.start(self._processes, data)
            client = self._start(
                [program("bench/replay_client"), f"--server={address}",
                 f"--rooms={rooms}", f"--reads={reads}",
                 f"--events={REPLAY_EVENTS}"])
            figures = client.read_json(600)
            self._processes.stop(client)
            self._stop(server)
            if figures["reads"] != reads:
                raise BenchError("not every read was answered")
            p99_ms = figures["p99_us"] / 1e3
            rows.append([
                "files not in memory" if cold else "files in memory",
                thousands(reads), f"{figures['p50_us'] / 1e3:.2f}",
                f"{p99_ms:.2f}", f"{figures['max_us'] / 1e3:.2f}",
                _yes(p99_ms <= REPLAY_P99_MS_MAX)])
        shutil.rmtree(data)
        self._page.section(
            f"Replay: the last {REPLAY_EVENTS} events of a cold room",
            [f"{rooms:,} rooms with {REPLAY_EVENTS} events each, published "
             "round by round; the broker was started again; then random "
             "rooms, each once, one after the other. \"Files not in memory\": "
             "the kernel was asked to forget the log's files (posix_fadvise), "
             "which leaves the host's own caches, if there is a host."])
        self._page.table(["", "reads", "p50 ms", "p99 ms", "max ms",
                          f"p99 within {REPLAY_P99_MS_MAX:.0f} ms"], rows)

    # Does the broker's memory grow with events, or with rooms?

    def memory(self):
        self._memory_by_events()
        self._memory_by_rooms()

    def _memory_by_events(self):
        system = SYSTEMS["roomlog-interval"]
        data = self._new_directory()
        server, address = system.start(self._processes, data)
        millions = [1, 10, 100] + ([] if self._quick else [1000, 2000])
        rows = [["nothing", *_memory_cells(server)]]
        published = 0
        for million in millions:
            events = million * 1_000_000 // EVENT_BYTES - published
            self._publish(system, address, ROOMS, 4096, events,
                          followed=True)
            published += events
            rows.append([f"{million:,} million bytes",
                         *_memory_cells(server)])
        self._stop(server)
        shutil.rmtree(data)
        self._page.section(
            "Memory of the broker, by events",
            [f"One broker, {ROOMS:,} rooms, a node that publishes and one that "
             "receives; bytes published so far."])
        self._page.table(["published", *_MEMORY_COLUMNS], rows)

    def _memory_by_rooms(self):
        system = SYSTEMS["roomlog-interval"]
        events = 400_000
        rows = []
        found = []
        counts = [1_000, 10_000, 100_000] + ([] if self._quick else [400_000])
        for rooms in counts:
            data = self._new_directory()
            server, address = system.start(self._processes, data)
            self._publish(system, address, rooms, 4096, events, even=True,
                          followed=True)
            found.append(server.memory_bytes()["RssAnon"])
            rows.append([thousands(rooms), *_memory_cells(server)])
            self._stop(server)
            shutil.rmtree(data)
        per_room = (found[-1] - found[0]) / (counts[-1] - counts[0])
        self._page.section(
            "Memory of the broker, by rooms",
            [f"A new broker each time; {events:,} events, so "
             f"{events * EVENT_BYTES // 1_000_000} million bytes, over so many "
             "rooms, which a node follows. From the first to the last row "
             f"{per_room:.0f} bytes a room."])
        self._page.table(["rooms", *_MEMORY_COLUMNS], rows)

    # What does each hop of an event cost?

    def hops(self):
        client = self._start(
            [program("bench/hops"), f"--data={self._new_directory()}",
             f"--rounds={2_000 if self._quick else 20_000}"])
        rows = []
        while True:
            line = client.read_json(600)
            if line.get("done"):
                break
            rows.append([line["hop"], f"{line['p50_us']:.1f}",
                         f"{line['p99_us']:.1f}"])
        self._processes.stop(client)
        self._page.section(
            "What each hop costs",
            ["One thing at a time, alone; what bounds the latency of one "
             "publish. An event makes six thread hops from node to node."])
        self._page.table(["hop", "p50 us", "p99 us"], rows)

    def _rounds_of(self, in_flight):
        """Every system in turn, round by round, so that what changes on the
        machine meanwhile changes all."""
        found = {(system.name, in_flight): [] for system in self._systems}
        for number in range(self._rounds):
            for system in self._systems:
                figures = self._publish_and_deliver(system, in_flight)
                found[system.name, in_flight].append(figures)
                progress(f"round {number + 1}/{self._rounds}, {in_flight:,} in "
                         f"flight: {system.name} {figures.rate:,.0f} events/s, "
                         f"p50 {figures.p50_us:,.0f} us")
        return found

    def _publish_and_deliver(self, system, in_flight):
        data = self._new_directory()
        server, address = system.start(self._processes, data)
        subscriber = self._start(system.client_command(
            address, "--role=subscriber", f"--rooms={ROOMS}"))
        subscriber.read_json(READY_SECONDS_MAX)
        cpu_before = server.cpu_seconds()
        publisher = self._start(system.client_command(
            address, "--role=publisher", f"--rooms={ROOMS}",
            f"--in_flight={in_flight}", f"--duration={self._seconds}s"))
        published = publisher.read_json(self._seconds + DELIVERY_SECONDS_MAX)
        delivered = subscriber.read_json(DELIVERY_SECONDS_MAX)
        server_cpu = server.cpu_seconds() - cpu_before
        for process in (publisher, subscriber):
            self._processes.stop(process)
        self._stop(server)
        shutil.rmtree(data)
        events = published["events"]
        if delivered["events"] != events:
            raise BenchError(f"{system.name}: {events} were acknowledged and "
                             f"{delivered['events']} delivered")
        ended = max(published["ended_ns"], delivered["ended_ns"])
        return Figures(
            events=events,
            rate=events / (ended - published["began_ns"]) * 1e9,
            p50_us=delivered["p50_us"], p99_us=delivered["p99_us"],
            acknowledged_p50_us=published["p50_us"],
            server_cpu_us=server_cpu / events * 1e6,
            clients_cpu_us=(published["cpu_seconds"] +
                            delivered["cpu_seconds"]) / events * 1e6)

    def _publish(self, system, address, rooms, in_flight, events, even=False,
                 followed=False):
        """Publishes so many events; `followed`: to a node that receives all."""
        if followed:
            subscriber = self._start(system.client_command(
                address, "--role=subscriber", f"--rooms={rooms}"))
            subscriber.read_json(READY_SECONDS_MAX)
        publisher = self._start(system.client_command(
            address, "--role=publisher", f"--rooms={rooms}",
            f"--in_flight={in_flight}", f"--events={events}",
            *(["--even"] if even else [])))
        counts = [publisher.read_json(60 + events / 10_000)["events"]]
        self._processes.stop(publisher)
        if followed:
            counts.append(subscriber.read_json(DELIVERY_SECONDS_MAX)["events"])
            self._processes.stop(subscriber)
        if counts != [events] * len(counts):
            raise BenchError(f"of {events} events there were {counts}")
        progress(f"{events:,} events over {rooms:,} rooms published")

    def _ratios(self, what, found, in_flight, ratios, fields, reached, word):
        rows = []
        for ours, theirs, goal in ratios:
            if not {(ours, in_flight), (theirs, in_flight)} <= found.keys():
                continue
            pairs = list(zip(found[ours, in_flight], found[theirs, in_flight]))
            for field in fields:
                by_round = [getattr(our, field) / getattr(their, field)
                            for our, their in pairs]
                judged = in_flight in (1, GOAL_IN_FLIGHT)
                rows.append([
                    f"{ours} / {theirs}" + (
                        f", {field[:3]}" if len(fields) > 1 else ""),
                    spread(by_round, "{:.2f}".format),
                    f"{word} {goal}" if judged else "-",
                    _yes(reached(statistics.median(by_round), goal))
                    if judged else "-"])
        if rows:
            self._page.table([f"ratio of {what}, round by round", "median",
                              "goal", "reached"], rows)

    def _how_often(self):
        return (f"{self._rounds} rounds of {self._seconds:g} s, the systems in "
                "turn, each with a new server; median (least to most).")

    def _start(self, command):
        self._logs += 1
        return self._processes.start(
            command, os.path.join(self._directory, f"client-{self._logs}.log"),
            answers=True)

    def _stop(self, server):
        if not self._processes.stop(server):
            raise BenchError(f"had to be killed: {server.describe()}")

    def _new_directory(self):
        path = os.path.join(self._directory, "data")
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)
        return path


def _median(figures, field, divisor=1.0):
    middle = statistics.median(getattr(f, field) for f in figures) / divisor
    return f"{middle:.2f}"


_MEMORY_COLUMNS = ["resident MB", "of it its own MB", "highest MB"]


def _memory_cells(process):
    memory = process.memory_bytes()
    return [f"{memory[part] / 1e6:.1f}"
            for part in ("VmRSS", "RssAnon", "VmHWM")]


def _forget_cached_files(directory):
    os.sync()
    for parent, _, names in os.walk(directory):
        for name in names:
            file = os.open(os.path.join(parent, name), os.O_RDONLY)
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


def _yes(reached):
    return "yes" if reached else "NO"
