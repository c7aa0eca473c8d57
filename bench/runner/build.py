"""Installs what only the benchmarks need, and builds them."""
import os
import subprocess

from . import adapter, edge, presence, recovery, relay, systems
from .processes import BenchError

_REPOSITORY = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PACKAGES = os.path.join(_REPOSITORY, "third_party", "bench-packages.txt")


def install_missing_packages():
    with open(_PACKAGES, encoding="ascii") as file:
        wanted = file.read().split()
    missing = [package for package in wanted if not _installed(package)]
    if not missing:
        return
    print("Installing " + " ".join(missing), flush=True)
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    for command in (["apt-get", "update"],
                    ["apt-get", "install", "--yes", "--no-install-recommends",
                     *missing]):
        _run([*as_root, "env", "DEBIAN_FRONTEND=noninteractive", *command])


def build(measurements, system_names):
    targets = set()
    if {"throughput", "latency"} & set(measurements):
        for name in system_names:
            system = systems.ALL[name]
            targets.add(f"//bench:{system.client}")
            targets.update(system.targets)
    if {"replay", "memory"} & set(measurements):
        targets.update(["//bench:roomlog_client", "//bench:replay_client",
                        "//broker:roomlog-broker"])
    if "hops" in measurements:
        targets.add("//bench:hops")
    if "edge" in measurements:
        targets.update(edge.TARGETS)
    if "recovery" in measurements:
        targets.update(recovery.TARGETS)
    if "relay" in measurements:
        targets.update(relay.TARGETS)
    if "presence" in measurements:
        targets.update(presence.TARGETS)
    if "adapter" in measurements:
        targets.update(adapter.TARGETS)
    _run(["bazel", "build", *sorted(targets)])


def _installed(package):
    query = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package],
        capture_output=True, text=True, check=False)
    return query.stdout == "installed"


def _run(command):
    if subprocess.run(command, cwd=_REPOSITORY, check=False).returncode != 0:
        raise BenchError("failed: " + " ".join(command))
