"""Processes that answer HTTP, started as a user starts them, and ended: the bench's own one, and every peer's."""

from __future__ import annotations

import configparser
import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from sagewright.model import titles

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache"
SAGEWRIGHT = Path(sys.executable).parent / "sagewright"
START_S = 90
HEALTH = "/_sagewright/health"
REGION = "us-east-1"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the checkout's disk, gone at the end."""
    (CACHE / "bench").mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=CACHE / "bench"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """This process (the load generator) on one core alone, so that the server's core is the server's."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _environment() -> dict[str, str]:
    """Lets every server keep its bytecode, as a user's does: without it, a peer that was just installed compiles all its imports at
    each start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass
class Process:
    """A server process on `port`: started pinned to `core` if given, known to answer once `path` gives any status."""

    command: list[str]
    port: int
    path: str
    log: Path
    core: int | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    started_s: float = 0.0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns at the first answer; `started_s` is the time from exec to it."""
        pin = ["taskset", "-c", str(self.core)] if self.core is not None and shutil.which("taskset") else []
        begin = time.perf_counter()
        with self.log.open("ab") as log:
            argv = [*pin, *self.command]
            self.process = subprocess.Popen(
                argv, stdout=log, stderr=log, env={**_environment(), **self.environ}, start_new_session=True,
                cwd=self.log.parent,  # MLServer makes directories where it is started
            )  # fmt: skip
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - begin > START_S:
                raise RuntimeError(f"{self.command[0]} did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.001)
        self.started_s = time.perf_counter() - begin

    def _answers(self) -> bool:
        connection = self._connection()
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def context(self) -> ssl.SSLContext | None:
        """How to connect by TLS; None for plain HTTP."""
        return None

    def cpu_s(self) -> float:
        """CPU seconds of this process alone, all of its threads."""
        assert self.process is not None
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        assert self.process is not None
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    def stop(self) -> None:
        """End it, and by their pids what it has started."""
        if self.process is None or self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


class SecuredProcess(Process):
    """A server that speaks TLS with a certificate that clients need not trust while it starts."""

    def _connection(self) -> http.client.HTTPConnection:
        return _unchecked(self.port)

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"


class Sagewright(Process):
    """`sagewright up` on a data directory."""

    def __init__(
        self, data: Path, core: int | None = None, environ: Mapping[str, str] | None = None, tls: bool = False
    ) -> None:
        port = free_port()
        words = ["--tls", "self-signed"] if tls else []
        command = [str(SAGEWRIGHT), "up", "--data", str(data), "--port", str(port), *words]
        settings = {"SAGEWRIGHT_ENVIRONMENTS": str(CACHE / "environments"), **(environ or {})}
        data.mkdir(parents=True, exist_ok=True)
        super().__init__(command, port, HEALTH, data / "server.log", core, settings)
        self.data, self._tls = data, tls

    def key(self) -> tuple[str, str]:
        return key_in(self.data)

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def authority(self) -> str | None:
        """Returns the file of the authority that signed the server's certificate; None for plain HTTP."""
        return str(self.data / "ca.pem") if self._tls else None

    @cached_property
    def context(self) -> ssl.SSLContext | None:
        authority = self.authority()
        return ssl.create_default_context(cafile=authority) if authority else None

    def cpu_s(self) -> float:
        """CPU seconds of the server, and of the process that ends TLS for it."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True) if self._tls else []
        doors = [one for one in children if titles.TLS_DOOR in " ".join(one.cmdline())]
        return super().cpu_s() + sum(sum(door.cpu_times()[:2]) for door in doors)

    def _connection(self) -> http.client.HTTPConnection:
        return _unchecked(self.port) if self._tls else super()._connection()


def _unchecked(port: int) -> http.client.HTTPConnection:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)


def key_in(folder: Path) -> tuple[str, str]:
    """Returns the access key of a file `credentials`."""
    parser = configparser.ConfigParser()
    parser.read(folder / "credentials")
    return parser["default"]["aws_access_key_id"], parser["default"]["aws_secret_access_key"]


@contextlib.contextmanager
def running(process: Process) -> Iterator[Process]:
    process.start()
    try:
        yield process
    finally:
        process.stop()


def client(endpoint: str, key: tuple[str, str], service: str = "sagemaker", verify: str | None = None) -> Any:
    """boto3 as it comes, but for retries: a failure must be seen."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        region_name=REGION,
        verify=verify,
        config=Config(retries={"max_attempts": 1}),
    )


def job_request(name: str, image: str, **specification: Any) -> dict[str, Any]:
    """A small CreateTrainingJob."""
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File", **specification},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bench/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
