"""Fixtures that every kind of test shares: stores on both databases, and servers started as a user starts them."""

from __future__ import annotations

import atexit
import configparser
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from sqlalchemy import select
from tests.forkedserver import ForkedServer, server_forks
from tests.postgres import Postgres, find_binaries
from tests.warmclient import WarmClient

from sagewright.compute.local import LocalBackend
from sagewright.model import titles
from sagewright.store.database import Database
from sagewright.store.schema.jobs import hosts
from sagewright.store.sealing.master_keys import MasterKeySource

pytest_plugins = ["tests.schedule"]
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # how long an example takes is the machine's affair
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # thousands of processes would each compile what they import
ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / ".cache" / "environments"
CLIENTS = ROOT / ".cache" / "clients"
SDK_V2_MODULES = ("boto3", "sagemaker", "sagemaker.amazon.amazon_estimator", "sagemaker.pytorch", "sagemaker.sklearn")
SDK_V3_MODULES = (
    "boto3",
    "sagemaker.core",
    "sagemaker.core.image_uris",
    "sagemaker.core.processing",
    "sagemaker.train",
)
WARM_MODULES = {"sdk-v2": SDK_V2_MODULES, "sdk-v3": SDK_V3_MODULES}
MEMORY = Path("/dev/shm")
START_S = 60
STORE = "store.sqlite"
OUTPUT = "outputs"
SHELL_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    binaries = find_binaries()
    assert binaries, "PostgreSQL is not installed; on Debian: apt-get install postgresql"
    place = MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 2**30 else Path("/tmp")
    directory = place / f"sagewright-tests-pg-{os.getpid()}"  # a short path: sockets have a limit
    directory.mkdir(mode=0o755)
    server = Postgres(directory, binaries)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@functools.cache
def migrated_store() -> Path:
    """The file of an empty store with the newest schema, to be copied."""
    place = Path(tempfile.mkdtemp(prefix="sagewright-tests-store-"))
    atexit.register(shutil.rmtree, place)
    path = place / STORE
    Database(f"sqlite:///{path}").close()
    assert not path.with_name(f"{STORE}-wal").exists(), "the file alone is not the whole store"
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty store, once on each database: every statement is tested on both."""
    if request.param == "sqlite":
        path = tmp_path / "store.sqlite"
        shutil.copyfile(migrated_store(), path)
        store = Database(f"sqlite:///{path}")
        yield store
        store.close()
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.new_store()
        store = Database(url, master=MasterKeySource(tmp_path / "master.key"))
        yield store
        store.close()
        postgres.give_back(url)


@dataclass
class RunningServer:
    """A server process, `sagewright up --port 0` or another `port`, on a directory of its own.

    It is a fork of a process that has imported the server, and its store one that was migrated before, unless it is to be started
    `by_command`, as a user starts it.
    """

    data: Path
    environ: dict[str, str] = field(default_factory=dict)
    by_command: bool = False
    process: subprocess.Popen[bytes] | ForkedServer | None = None
    warm: dict[str, WarmClient] = field(default_factory=dict)
    clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    port: int = 0
    wrapper: tuple[str, ...] = ()
    """A command that executes the server's; only with `by_command`."""

    def start(self) -> None:
        (self.data / "endpoint").unlink(missing_ok=True)
        environ = {
            **os.environ,
            "SAGEWRIGHT_CHECK_RESPONSES": "true",
            "SAGEWRIGHT_ENVIRONMENTS": str(ENVIRONMENTS),
            **self.environ,
        }
        log = self.data / "server.log"
        program, port = str(Path(sys.executable).parent / "sagewright"), str(self.port)
        command = [*self.wrapper, program, "up", "--data", str(self.data), "--port", port]
        if self.by_command or any(name.startswith("PYTHON") for name in self.environ):
            with log.open("ab") as output:
                self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environ, cwd=self.data)
        else:
            if "SAGEWRIGHT_DATABASE" not in self.environ and not (self.data / STORE).exists():
                shutil.copyfile(migrated_store(), self.data / STORE)
                (self.data / STORE).chmod(0o600)
            self.process = server_forks().start(command, self.data, environ, log)
        deadline = time.monotonic() + START_S
        while not (self.data / "endpoint").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self.log()}")
            time.sleep(0.02)

    @property
    def endpoint(self) -> str:
        return (self.data / "endpoint").read_text().strip()

    def log(self) -> str:
        return (self.data / "server.log").read_text(errors="replace")

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.end_warm()
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def handles(self) -> list[dict[str, Any]]:
        """How the backend finds the agents that were started for this server's jobs."""
        store = Database(f"sqlite:///{self.data / 'store.sqlite'}")
        with store.read() as connection:
            found = connection.execute(select(hosts.c.handle).where(hosts.c.handle.is_not(None))).scalars().all()
        store.close()
        return list(found)

    def agents(self) -> list[int]:
        """The pids of the agents that are alive."""
        backend = LocalBackend(fork_server=False)
        return [handle["pid"] for handle in self.handles() if backend.poll(handle)]

    def left_of_jobs(self) -> list[Path]:
        """The data directory's folders of jobs."""
        place = self.data / "jobs"
        return list(place.iterdir()) if place.exists() else []

    def fronts(self) -> list[psutil.Process]:
        """The fronts of this data directory that are alive."""
        return [psutil.Process(one.pid) for one in titles.running(self.data) if one.kind == titles.FRONT]

    def kill_everything(self) -> None:
        """The server and, since they outlive it, its front, its TLS door and its jobs."""
        if self.process and self.process.poll() is None:
            self.end(signal.SIGKILL)
        doors = [psutil.Process(one.pid) for one in titles.running(self.data) if one.kind == titles.TLS_DOOR]
        for process in (*self.fronts(), *doors):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if (self.data / "store.sqlite").exists():
            backend = LocalBackend(fork_server=False)
            for handle in self.handles():
                if backend.poll(handle):
                    backend.kill(handle)

    def key(self) -> tuple[str, str]:
        parser = configparser.ConfigParser()
        parser.read(self.data / "credentials")
        return parser["default"]["aws_access_key_id"], parser["default"]["aws_secret_access_key"]

    def boto(self, service: str, **options: Any) -> Any:
        access, secret = self.key()
        settings = {"aws_access_key_id": access, "aws_secret_access_key": secret, "region_name": "us-east-1"}
        config = Config(retries={"max_attempts": 1}).merge(options.pop("config", Config()))
        return boto3.client(service, config=config, **{"endpoint_url": self.endpoint, **settings, **options})

    def _admin(self, service: str) -> Any:
        """As `boto`, made once: for what is asked again and again."""
        asked = (service, self.endpoint, self.key()[0])
        if asked not in self.clients:
            self.clients[asked] = self.boto(service)
        return self.clients[asked]

    def run_shell(self, job: str, shell: str, **changes: Any) -> None:
        """Create a training job that runs a line of bash; `changes` replace members of the request."""
        s3 = self._admin("s3")
        if OUTPUT not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=OUTPUT)
        request = {
            "TrainingJobName": job,
            "AlgorithmSpecification": {
                "TrainingImage": changes.pop("image", SHELL_IMAGE),
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/bash", "-c"],
                "ContainerArguments": [shell],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{OUTPUT}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 200},
        }
        self._admin("sagemaker").create_training_job(**(request | changes))

    def when_logged(self, job: str, text: str, timeout_s: float = 90) -> None:
        """Return once the job has logged a line with `text`."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if any(text in line for line in self.lines(job)):
                    return
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ResourceNotFoundException"
            time.sleep(0.05)
        raise AssertionError(f"{job} did not log {text!r}\n{self.log()}\n{self.lines(job)}")

    def door(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program through `sagewright exec`, as a user does."""
        argv = [str(Path(sys.executable).parent / "sagewright"), "exec", "--data", str(self.data), "--", *command]
        defaults: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 280}
        return subprocess.run(argv, check=False, **{**defaults, **options})

    def sdk_v2(self, program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of SDK v2 through `sagewright exec`, in its folder, in a process that has imported the SDK before.

        A program that is to be run as a user runs it, from the start of Python, goes through `door`.
        """
        return self.warm_client("sdk-v2").run(program, *arguments)

    def sdk_v3(self, program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As `sdk_v2`, with SDK v3."""
        return self.warm_client("sdk-v3").run(program, *arguments)

    def warm_client(self, client: str) -> WarmClient:
        """Returns the process of which programs of `sdk-v2` or `sdk-v3` are forks."""
        if client not in self.warm or not self.warm[client].usable:
            python = str(CLIENTS / client / "bin" / "python")
            argv = [str(Path(sys.executable).parent / "sagewright"), "exec", "--data", str(self.data), "--", python]
            self.warm[client] = WarmClient(argv, WARM_MODULES[client], self.data)
        return self.warm[client]

    def end_warm(self) -> None:
        while self.warm:
            self.warm.popitem()[1].end()

    def wait(self, job: str, timeout_s: float = 120) -> dict[str, Any]:
        """Describe of the job once it has ended."""
        client, deadline = self._admin("sagemaker"), time.monotonic() + timeout_s
        while True:
            found: dict[str, Any] = client.describe_training_job(TrainingJobName=job)
            if found["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"}:
                return found
            assert time.monotonic() < deadline, f"{job} is {found['SecondaryStatus']}\n{self.log()}\n{self.lines(job)}"
            time.sleep(0.1)

    def lines(self, job: str) -> list[str]:
        """The job's log lines, host by host."""
        client, group = self._admin("logs"), "/aws/sagemaker/TrainingJobs"
        found = client.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
        lines = []
        for stream in found:
            token: dict[str, str] = {}
            while True:
                page = client.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, **token
                )
                if not page["events"]:
                    break
                lines += [event["message"] for event in page["events"]]
                token = {"nextToken": page["nextForwardToken"]}
        return lines


@pytest.fixture(scope="session")
def server_class() -> type[RunningServer]:
    """For fixtures that start servers of their own kind."""
    return RunningServer


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all contract tests of a run; with --balanced, two behind a load balancer."""
    running = RunningServer(tmp_path_factory.mktemp("server"), by_command=True)
    if request.config.getoption("--balanced"):
        from tests.balancing import BalancedServers

        store = request.getfixturevalue("postgres").new_database()
        running = BalancedServers(tmp_path_factory.mktemp("servers"), store=store)
    running.start()
    yield running
    ended = running.end()
    running.kill_everything()  # instances of endpoints that tests have left
    assert ended == 0, running.log()


@pytest.fixture(scope="module")
def server_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningServer]]:
    """Starts a server with the given environment variables, for the tests of one module."""
    started = []

    def start(**environ: str) -> RunningServer:
        started.append(RunningServer(tmp_path_factory.mktemp("server"), environ))
        started[-1].start()
        return started[-1]

    yield start
    for running in started:
        running.kill_everything()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that a test may kill and restart; not yet started."""
    running = RunningServer(tmp_path)
    yield running
    running.kill_everything()


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than `tmp_path`."""
    for place in (MEMORY, Path("/tmp"), ROOT):
        if os.access(place, os.W_OK) and place.stat().st_dev != tmp_path.stat().st_dev:
            with tempfile.TemporaryDirectory(prefix="sagewright-tests-", dir=place) as disk:
                yield Path(disk)
            return
    pytest.fail(f"{MEMORY} and /tmp are one file system")


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder that is not in memory, for tests of what counts as use of a disk."""
    place = next(one for one in (Path("/tmp"), Path("/var/tmp"), ROOT) if one.stat().st_dev != MEMORY.stat().st_dev)
    with tempfile.TemporaryDirectory(prefix="sagewright-tests-", dir=place) as disk:
        yield Path(disk)


@dataclass(frozen=True)
class Podman:
    """The podman command, and images FROM scratch made of a static busybox and a program."""

    directory: Path

    def __call__(self, *arguments: str) -> str:
        """Standard output of `podman ARGUMENTS`."""
        environ = {**os.environ, "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
        done = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False, env=environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def build(self, tag: str, programs: dict[str, str], *lines: str) -> None:
        """An image with `programs` (path -> text) and further lines of its Containerfile."""
        context = self.directory / uuid.uuid4().hex
        (context / "files" / "bin").mkdir(parents=True)
        shutil.copy(shutil.which("busybox") or "", context / "files" / "bin" / "busybox")
        for applet in ("sh", "cat", "cp", "env", "sleep", "wget", "dd", "httpd", "hostname", "ls"):
            (context / "files" / "bin" / applet).symlink_to("busybox")
        for path, program in programs.items():
            place = context / "files" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(program)
            place.chmod(0o755)
        file = ["FROM scratch", "COPY files /", "ENV PATH=/opt/ml/code:/bin", *lines]
        (context / "Containerfile").write_text("\n".join(file) + "\n")
        self("build", "--quiet", "--tag", tag, str(context))


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    for program in ("podman", "busybox"):
        assert shutil.which(program), f"{program} is not installed; `make system` does that on Debian"
    return Podman(tmp_path_factory.mktemp("images"))


@pytest.fixture
def job_name(request: pytest.FixtureRequest) -> str:
    words = "".join(c if c.isalnum() else "-" for c in request.node.name).strip("-")
    return f"{words[:40].strip('-')}-{uuid.uuid4().hex[:8]}"
