"""The systems that are measured: how each is started, and what it syncs."""
import dataclasses
import os
import subprocess
from typing import Callable

from .processes import free_port, wait_for_port

_REPOSITORY = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(path):
    """What Bazel built under that path."""
    return os.path.join(_REPOSITORY, "bazel-bin", path)


@dataclasses.dataclass(frozen=True)
class System:
    name: str
    # What it has promised when a publish is acknowledged.
    syncs: str
    # The command of the server, for a directory and a port.
    command: Callable[[str, int], list]
    client: str
    client_flags: tuple = ()
    targets: tuple = ()  # What to build besides the client.

    def start(self, processes, directory):
        """Returns the server's process and the address it listens at."""
        port = free_port()
        server = processes.start(self.command(directory, port),
                                 os.path.join(directory, "server.log"))
        wait_for_port(server, port)
        return server, f"127.0.0.1:{port}"

    def client_command(self, address, *flags):
        return [program(f"bench/{self.client}"), f"--server={address}",
                *self.client_flags, *flags]


def _redis(append_fsync):
    def command(directory, port):
        # Rewriting the file would start in the middle of a measurement, so it
        # is off; nothing else differs from Debian's defaults.
        return ["redis-server", "--bind", "127.0.0.1", "--port", str(port),
                "--dir", directory, "--save", "", "--appendonly", "yes",
                "--appendfsync", append_fsync,
                "--auto-aof-rewrite-percentage", "0"]
    return command


def _nats(directory, port):
    config = os.path.join(directory, "nats.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'listen: "127.0.0.1:{port}"\n'
                   f'jetstream {{ store_dir: "{directory}" }}\n')
    return ["/usr/sbin/nats-server", "--config", config]


def _roomlog(durability):
    def command(directory, port):
        return [program("broker/roomlog-broker"),
                f"--listen=tcp://127.0.0.1:{port}",
                f"--data={os.path.join(directory, 'log')}",
                f"--durability={durability}"]
    return command


_BROKER = ("//broker:roomlog-broker",)
_SYSTEMS = [
    System("redis-always", "before each acknowledgement", _redis("always"),
           "redis_client"),
    System("redis-everysec", "each second", _redis("everysec"),
           "redis_client"),
    System("jetstream", "every 2 minutes (its default)", _nats, "nats_client"),
    System("jetstream-passing", "every 2 minutes; delivers before it stores",
           _nats, "nats_client", ("--nostored",)),
    System("roomlog-fsync", "before each acknowledgement", _roomlog("fsync"),
           "roomlog_client", targets=_BROKER),
    System("roomlog-interval", "each second", _roomlog("interval:1s"),
           "roomlog_client", targets=_BROKER),
    System("roomlog-os", "when the operating system likes", _roomlog("os"),
           "roomlog_client", targets=_BROKER),
]
ALL = {system.name: system for system in _SYSTEMS}


def versions():
    """Of the peers, as they tell it; empty where one is not installed."""
    found = []
    for command in (["redis-server", "--version"],
                    ["/usr/sbin/nats-server", "--version"]):
        try:
            found.append(subprocess.run(command, capture_output=True, text=True,
                                        check=True).stdout.strip())
        except (OSError, subprocess.CalledProcessError):
            continue
    return found
