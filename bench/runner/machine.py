"""On what it was measured: without it a figure says nothing."""
import datetime
import os
import platform
import subprocess

from . import systems
from .processes import BenchError


def describe(data_directory):
    """Lines for the head of the report. BenchError if the disk is no disk."""
    source, kind = _file_system(data_directory)
    if kind in ("tmpfs", "devtmpfs", "ramfs"):
        raise BenchError(f"{data_directory} lies in memory, where a sync is "
                         "free; name a directory on a disk with --data")
    commit = _output(["git", "describe", "--always", "--dirty",
                      "--abbrev=10"]) or "not in git"
    packages = _output(["dpkg-query", "--show", "--showformat=${Package} "
                        "${Version}, ", "librocksdb7.8", "libzmq5"])
    return [
        f"* Date: {datetime.datetime.now():%Y-%m-%d %H:%M}, commit {commit}",
        f"* Machine: {_cores()} cores, {_field('/proc/cpuinfo', 'model name')},"
        f" {_memory_gib():.0f} GiB, Linux {platform.release()}",
        f"* Disk: {kind} on {source}, {_disk_kind(source)}",
        "* Load before the start: "
        f"{os.getloadavg()[0]:.2f} (others' work makes all figures worse)",
        *[f"* {version}" for version in systems.versions()],
        f"* {packages.rstrip(', ')}",
    ]


def _cores():
    return len(os.sched_getaffinity(0))


def _memory_gib():
    return int(_field("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)


def _field(path, name):
    with open(path, encoding="utf-8") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return "0"


def _file_system(directory):
    found = _output(["findmnt", "--noheadings", "--output", "SOURCE,FSTYPE",
                     "--target", directory]).split()
    # Of mounts on top of one another the last is what one sees.
    return tuple(found[-2:]) if found else ("?", "?")


def _disk_kind(source):
    path = f"/sys/class/block/{os.path.basename(source)}/queue/rotational"
    try:
        with open(path, encoding="ascii") as file:
            return "rotating" if file.read().strip() == "1" else "not rotating"
    except OSError:
        return "kind unknown"


def _output(command):
    try:
        return subprocess.run(command, capture_output=True, text=True,
                              check=False,
                              cwd=os.path.dirname(__file__)).stdout.strip()
    except OSError:
        return ""
