"""The embedded S3 beside small S3 servers, all driven by s5cmd and boto3; nginx, which knows nothing of S3, is the floor.

Every server has the machine to itself, one after the other, with the load generator beside it: both share its cores.
Sagewright and SeaweedFS check signatures; moto and rclone (started as here) take what comes. What was got is compared.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import peers
import s3servers
from rows import Row
from s3servers import Store
from server import client, running, scratch

SECTION = "h"
BUCKET = "bench"
SMALL, SMALL_BYTES = 2000, 4096
LARGE_BYTES = 1 << 30
KEYS, PAGE = 10_000, 1000
ROUNDS = 3
"""How often each step is taken; the median counts. The first time a file is written to memory that the machine has to find is
slower by a multiple, whoever sent it."""

WORKERS = 32
FLOOR = "nginx"
S5CMD = peers.BIN / "s5cmd"
LIMITS = {
    "small PUT": "HTTP in Python and a transaction an object on one core; one shared wait for the disk",
    "small GET": "HTTP in Python on one core, signature, one row; the client on the other core",
    "CPU a small PUT": "HTTP, signature, digest, a transaction of two rows",
    "CPU a small GET": "HTTP, signature, row",
    "large PUT, s5cmd": "MD5, the SHA-256 that was signed, the disk; client and server share the cores",
    "large GET, s5cmd": "the client: it writes to the disk",
    "large PUT, boto3": "the client's own CRC32 and Python; then as with s5cmd",
    "large GET, boto3": "the client",
    "list": "the client's parsing of XML, of which the next row tells",
    "list: the client's own CPU": "boto3: so many keys a second if the server took no time",
    "CPU a page of 1,000 keys": "a row each in Python, a signature",
    "memory": "botocore's models and the imports; bodies pass in pieces",
}


@dataclass
class Measured:
    """Of one server, by the name of the row."""

    values: dict[str, float]


def measure() -> list[Row]:
    found: dict[str, Measured | str] = {}
    with scratch() as directory:
        files = _files(directory / "files")
        for name, make in s3servers.all_servers().items():
            place = directory / name.replace(" ", "-")
            place.mkdir()
            try:
                found[name] = _measure(make(place), files, place)
            except (peers.NoPeer, RuntimeError, subprocess.SubprocessError) as error:
                if name == "Sagewright":
                    raise
                found[name] = f"{name} was not measured: {str(error)[-160:]}"
            shutil.rmtree(place, ignore_errors=True)
    return _rows(found)


def _files(directory: Path) -> Path:
    """What goes up: many small files and a large one, of bytes that do not compress."""
    (directory / "small").mkdir(parents=True)
    for number in range(SMALL):
        (directory / "small" / f"{number:05}").write_bytes(os.urandom(SMALL_BYTES))
    with (directory / "large").open("wb") as file:
        for _ in range(LARGE_BYTES >> 20):
            file.write(os.urandom(1 << 20))
    return directory


def _measure(store: Store, files: Path, place: Path) -> Measured:
    with running(store.server):
        store.prepare(BUCKET, files)
        run = _Run(store, files, place)
        values: dict[str, float] = {}
        steps: list[Callable[[], dict[str, float]]] = [run.small_get, run.large_get]
        if not store.read_only:
            steps = [run.small_put, run.small_get, run.large_put, run.large_get, run.large_boto3, run.list_keys]
        for step in steps:
            rounds = [_taken(step) for _ in range(ROUNDS)]
            values |= {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        values["memory"] = store.rss_mb()
    return Measured(values)


def _taken(step: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Takes a step while the disk has nothing left to write of the steps before: those of the first server, or a large PUT's."""
    os.sync()
    return step()


class _Run:
    """The measurements of one server; s5cmd's is one process with 32 workers."""

    def __init__(self, store: Store, files: Path, place: Path) -> None:
        self._store, self._files, self._got = store, files, place / "got"
        self._got.mkdir()
        self._puts, self._copied = 0, False

    def small_put(self) -> dict[str, float]:
        """New objects each time; the first are those that are read and listed."""
        prefix = f"again/{self._puts}" if self._puts else "small"
        self._puts += 1
        wall, cpu = self._s5cmd("cp", f"{self._files / 'small'}/*", f"s3://{BUCKET}/{prefix}/")
        return {"small PUT": SMALL / wall, "CPU a small PUT": 1000 * cpu / SMALL}

    def small_get(self) -> dict[str, float]:
        """By name, so that no server lists: a file of commands."""
        target = self._got / "small"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        commands = "".join(f"cp s3://{BUCKET}/small/{n:05} {target}/{n:05}\n" for n in range(SMALL))
        (self._got / "commands").write_text(commands)
        wall, cpu = self._s5cmd("run", str(self._got / "commands"))
        same, different, absent = filecmp.cmpfiles(
            self._files / "small", target, [f"{n:05}" for n in range(SMALL)], shallow=False
        )
        if different or absent or len(same) != SMALL:
            raise RuntimeError(f"{len(different) + len(absent)} of {SMALL} objects came back otherwise")
        return {"small GET": SMALL / wall, "CPU a small GET": 1000 * cpu / SMALL}

    def large_put(self) -> dict[str, float]:
        wall, _ = self._s5cmd("cp", str(self._files / "large"), f"s3://{BUCKET}/large")
        return {"large PUT, s5cmd": LARGE_BYTES / wall / 1e6}

    def large_get(self) -> dict[str, float]:
        target = self._got / "large"
        wall, _ = self._s5cmd("cp", f"s3://{BUCKET}/large", str(target))
        if not filecmp.cmp(self._files / "large", target, shallow=False):
            raise RuntimeError("the large object came back otherwise")
        target.unlink()
        return {"large GET, s5cmd": LARGE_BYTES / wall / 1e6}

    def large_boto3(self) -> dict[str, float]:
        s3 = client(self._store.server.endpoint, self._store.key, "s3")
        begin = time.perf_counter()
        s3.upload_file(str(self._files / "large"), BUCKET, "large-boto3")
        middle = time.perf_counter()
        s3.download_file(BUCKET, "large-boto3", str(self._got / "large"))
        end = time.perf_counter()
        (self._got / "large").unlink()
        return {
            "large PUT, boto3": LARGE_BYTES / (middle - begin) / 1e6,
            "large GET, boto3": LARGE_BYTES / (end - middle) / 1e6,
        }

    def list_keys(self) -> dict[str, float]:
        """All keys by pages of 1000, keys a second; put there by five copies of the small files."""
        if not self._copied:
            for copy in range(KEYS // SMALL - 1):
                self._s5cmd("cp", f"{self._files / 'small'}/*", f"s3://{BUCKET}/small/{copy}/")
            self._copied = True
        s3 = client(self._store.server.endpoint, self._store.key, "s3")
        own, cpu, begin = time.process_time(), self._store.cpu_s(), time.perf_counter()
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="small/")
        keys = sum(len(page.get("Contents", ())) for page in pages)
        wall = time.perf_counter() - begin
        if keys != KEYS:
            raise RuntimeError(f"{keys} keys were listed, {KEYS} are there")
        own, cpu = time.process_time() - own, self._store.cpu_s() - cpu
        return {
            "list": keys / wall,
            "list: the client's own CPU": keys / own,
            "CPU a page of 1,000 keys": 1000 * cpu * PAGE / KEYS,
        }

    def _s5cmd(self, *words: str) -> tuple[float, float]:
        """Seconds on the clock, and of the server's CPU."""
        key = self._store.key
        environ = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": key[0],
            "AWS_SECRET_ACCESS_KEY": key[1],
            "AWS_REGION": "us-east-1",
        }
        options = ["--endpoint-url", self._store.server.endpoint, "--numworkers", str(WORKERS), "--log", "error"]
        unsigned = ["--no-sign-request"] if self._store.read_only else []
        cpu, begin = self._store.cpu_s(), time.perf_counter()
        done = subprocess.run(
            [str(S5CMD), *options, *unsigned, *words],
            env=environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        wall = time.perf_counter() - begin
        if done.returncode:
            raise RuntimeError(f"s5cmd {words[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
        return wall, self._store.cpu_s() - cpu


UNITS = {"small PUT": "/s", "small GET": "/s", "list": "keys/s", "list: the client's own CPU": "keys/s", "memory": "MB"}
LOWER = {"memory", "CPU a small PUT", "CPU a small GET", "CPU a page of 1,000 keys"}


def _rows(found: dict[str, Measured | str]) -> list[Row]:
    ours = found["Sagewright"]
    assert isinstance(ours, Measured)
    rows = []
    for what, value in ours.values.items():
        unit = UNITS.get(what, "ms" if what.startswith("CPU") else "MB/s")
        first = True
        for name, other in found.items():
            if name == "Sagewright" or (isinstance(other, Measured) and what not in other.values):
                continue
            theirs = other.values[what] if isinstance(other, Measured) else None
            label = f"{name} (the floor)" if name == FLOOR else name
            peer = label if isinstance(other, Measured) else other
            limits = LIMITS[what] if first else ""
            rows.append(Row(SECTION, what, value, unit, peer, theirs, limits, "", what not in LOWER))
            first = False
    return rows
