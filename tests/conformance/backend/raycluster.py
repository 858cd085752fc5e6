"""A Ray cluster of two nodes on this machine: in network namespaces of their own, with addresses of their own, where root
may make them; else at two addresses of loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

START_S = 90.0
CPUS, MEMORY_GB = 2, 3
STARTED = "Ray runtime started"
HEALTH = '{"health_check_initial_delay_ms":1000,"health_check_period_ms":1000,"health_check_failure_threshold":3}'


@dataclass
class Node:
    """One node: what runs it, and the prefix of a command that is to run at its place."""

    address: str
    temporary: Path
    at: list[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self, environ: dict[str, str], *options: str) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(mode=0o700)
        log = self.temporary / "log"
        command = [
            *self.at, str(Path(sys.executable).parent / "ray"), "start", "--block", "--disable-usage-stats",
            "--node-ip-address", self.address, "--num-cpus", str(CPUS), "--memory", str(MEMORY_GB << 30),
            "--object-store-memory", "80000000", "--include-log-monitor", "false", "--temp-dir", str(self.temporary),
            "--dashboard-agent-listen-port", str(free_port()), *options,
        ]  # fmt: skip
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environ, start_new_session=True)
        deadline = time.monotonic() + START_S
        while STARTED not in log.read_text(errors="replace"):
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def kill_raylet(self) -> None:
        """Ray loses the node, and what runs there goes on."""
        assert self.process is not None
        for process in psutil.Process(self.process.pid).children(recursive=True):
            if process.name() == "raylet":
                process.kill()

    def kill(self) -> None:
        """As a machine that is switched off: everything at once, agents and jobs too."""
        if self.process is None:
            return
        tree = self._tree()
        for act in (psutil.Process.suspend, psutil.Process.kill):  # held first, so that none of them starts another one
            for process in tree:
                with suppress(psutil.NoSuchProcess):
                    act(process)
        self.process.wait()
        psutil.wait_procs(tree, timeout=10)
        self.process = None

    def _tree(self) -> list[psutil.Process]:
        assert self.process is not None
        try:
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@dataclass
class RayCluster:
    """`host`: the address at which this machine is reached from the nodes."""

    environ: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    nodes: list[Node] = field(default_factory=list)
    port: int = 0
    client_port: int = 0
    undo: list[list[str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"ray://{self.nodes[0].address}:{self.client_port}"

    def start(self) -> None:
        token = secrets.token_hex(32)
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "GRPC_ENABLE_FORK_SUPPORT": "0"}  # see the how-to
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | own
        if not self._make_network():
            self.nodes = [Node(f"127.0.0.{2 + i}", self._directory(i), []) for i in range(2)]
        self.port, self.client_port = free_port(), free_port()
        self.nodes[0].start(
            self.environ, "--head", "--port", str(self.port), "--ray-client-server-port", str(self.client_port),
            "--include-dashboard", "false", "--system-config", HEALTH,
        )  # fmt: skip
        self.start_second()

    def start_second(self) -> None:
        self.nodes[1].start(self.environ, "--address", f"{self.nodes[0].address}:{self.port}")

    def stop(self) -> None:
        for node in reversed(self.nodes):
            node.kill()
            shutil.rmtree(node.temporary, ignore_errors=True)
        for command in reversed(self.undo):
            subprocess.run(command, check=False)

    def _directory(self, index: int) -> Path:
        return Path("/tmp") / f"swray-{os.getpid()}-{index}"  # a short path: sockets have a limit

    def _make_network(self) -> bool:
        """A bridge of this machine with two namespaces on it; False where that is not allowed."""
        if os.geteuid() != 0 or not shutil.which("ip"):
            return False
        number = os.getpid() % 200
        name, net = f"swray{number}", f"10.213.{number}"
        steps = [
            ("link", "add", name, "type", "bridge"),
            ("addr", "add", f"{net}.1/24", "dev", name),
            ("link", "set", name, "up"),
        ]
        for i in (1, 2):
            space, link = f"{name}-{i}", f"{name}v{i}"
            steps += [
                ("netns", "add", space),
                ("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space),
                ("link", "set", link, "master", name, "up"),
                ("-n", space, "addr", "add", f"{net}.1{i}/24", "dev", "eth0"),
                ("-n", space, "link", "set", "eth0", "up"),
                ("-n", space, "link", "set", "lo", "up"),
            ]
        self.undo = [
            ["ip", "link", "del", name],
            ["ip", "netns", "del", f"{name}-1"],
            ["ip", "netns", "del", f"{name}-2"],
        ]
        for step in steps:
            if subprocess.run(["ip", *step], check=False, capture_output=True).returncode != 0:
                for command in reversed(self.undo):
                    subprocess.run(command, check=False, capture_output=True)
                self.undo = []
                return False
        self.host = f"{net}.1"
        self.nodes = [Node(f"{net}.1{i}", self._directory(i), ["ip", "netns", "exec", f"{name}-{i}"]) for i in (1, 2)]
        return True
