"""S3 servers that can be started here: ours, and those one could install instead."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import peers
import psutil
from server import CACHE, Process, Sagewright, client, free_port

WEED = CACHE / "clients" / "seaweedfs" / "bin" / "weed"
WEED_KEY = ("AKIABENCHBENCHBENCH0", "a-secret-of-forty-characters-for-benches")


@dataclass
class Store:
    """A server, the key it takes, and whether it only hands out files."""

    server: Process
    given: tuple[str, str] | None
    read_only: bool = False
    root: Path | None = None

    @property
    def key(self) -> tuple[str, str]:
        if self.given is not None:
            return self.given
        assert isinstance(self.server, Sagewright)
        return self.server.key()

    def prepare(self, bucket: str, files: Path) -> None:
        """Make the bucket; a server of files finds them in it."""
        if not self.read_only:
            client(self.server.endpoint, self.key, "s3").create_bucket(Bucket=bucket)
            return
        assert self.root
        shutil.copytree(files, self.root / bucket, copy_function=os.link)

    def cpu_s(self) -> float:
        """Of the server and the processes it has started."""
        return sum(times.user + times.system for times in (one.cpu_times() for one in self._family()))

    def rss_mb(self) -> float:
        return sum(one.memory_info().rss for one in self._family()) / 1e6

    def _family(self) -> list[psutil.Process]:
        assert self.server.process is not None
        first = psutil.Process(self.server.process.pid)
        return [first, *first.children(recursive=True)]


def all_servers() -> dict[str, Callable[[Path], Store]]:
    """By name, ours first; making one raises NoPeer where it cannot be had."""
    return {
        "Sagewright": lambda place: Store(Sagewright(place / "data"), None),
        "rclone serve s3": _rclone,
        "SeaweedFS": _seaweedfs,
        "moto_server": lambda place: Store(peers.moto(place / "log"), peers.KEY),
        "nginx": _nginx,
    }


def _rclone(place: Path) -> Store:
    peers.install()
    if not (peers.BIN / "rclone").exists():
        raise peers.NoPeer("rclone is not in clients/bench.txt's environment")
    port = free_port()
    (place / "root").mkdir()
    key = ("rclone", "rclone-secret")
    command = [str(peers.BIN / "rclone"), "serve", "s3", str(place / "root"), "--addr", f"127.0.0.1:{port}"]
    return Store(Process([*command, "--auth-key", ",".join(key)], port, "/", place / "log"), key)


def _seaweedfs(place: Path) -> Store:
    if not WEED.exists():
        raise peers.NoPeer("SeaweedFS is not installed: make .cache/clients/seaweedfs/.ready")
    identity = {
        "name": "bench",
        "credentials": [{"accessKey": WEED_KEY[0], "secretKey": WEED_KEY[1]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (place / "identities.json").write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, port = _ports_with_grpc(4)
    command = [
        str(WEED),
        "server",
        f"-dir={place}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-volume.max=0",
        "-filer",
        "-s3",
    ]
    command += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={port}"]
    command += [f"-s3.config={place / 'identities.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    return Store(Process(command, port, "/", place / "log"), WEED_KEY)


def _ports_with_grpc(count: int) -> list[int]:
    """Free ports whose numbers plus 10,000 are free too: there SeaweedFS speaks gRPC."""
    found: list[int] = []
    while len(found) < count:
        port = free_port() % 20_000 + 20_000
        if port not in found and _is_free(port) and _is_free(port + 10_000):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _nginx(place: Path) -> Store:
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if binary is None:
        raise peers.NoPeer("nginx is not installed (Debian: nginx-light)")
    port, root = free_port(), place / "root"
    root.mkdir()
    folders = " ".join(f"{name}_temp_path {place};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (place / "nginx.conf").write_text(
        f"daemon off; worker_processes 2; pid {place}/pid; error_log {place}/error.log; user root; events {{}}\n"
        f"http {{ access_log off; sendfile on; {folders} server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    )
    server = Process([binary, "-c", str(place / "nginx.conf"), "-p", str(place)], port, "/", place / "log")
    return Store(server, ("none", "none"), read_only=True, root=root)
