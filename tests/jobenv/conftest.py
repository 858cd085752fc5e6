"""Tests that run where the algorithms run: in a job environment, which has numpy, XGBoost and torch and nothing of the server.

    PYTHONPATH=src ENVIRONMENT/bin/python -m pytest --confcutdir=tests/jobenv tests/jobenv

Elsewhere (no numpy) they are not collected.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from modelserver import ModelServer

sys.path.append(str(Path(__file__).parents[1]))  # where the plugin is that knows `soak` and `sampled`
pytest_plugins = ["schedule"]
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # how long an example takes is the machine's affair
SOURCE = Path(__file__).parents[2] / "src"

if importlib.util.find_spec("numpy") is None:
    collect_ignore_glob = ["*"]
elif importlib.util.find_spec("tensorflow") is None:
    collect_ignore = ["serving/test_frameworks.py"]  # `make packages` runs it, where they all are


class JobDirectory:
    """An /opt/ml of one host, and a way to run an algorithm in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.output = ""

    def configure(
        self,
        hyperparameters: Mapping[str, str],
        channels: Mapping[str, str | None],
        hosts: tuple[str, ...] = ("algo-1",),
        current: str | None = None,
        checkpoints: bool = False,
    ) -> JobDirectory:
        """Write the files of input/config; `channels` gives each channel's content type. Train is distributed as the SDK's
        `record_set` has it.
        """
        inputs: dict[str, dict[str, str]] = {}
        for name, content_type in channels.items():
            distribution = "ShardedByS3Key" if name == "train" else "FullyReplicated"
            inputs[name] = {"TrainingInputMode": "File", "S3DistributionType": distribution}
            if content_type is not None:
                inputs[name]["ContentType"] = content_type
            self.channel(name).mkdir(parents=True, exist_ok=True)
        self.write("hyperparameters", dict(hyperparameters))
        self.write("inputdataconfig", inputs)
        self.write("resourceconfig", {"current_host": current or hosts[0], "hosts": list(hosts)})
        if checkpoints:
            self.write("checkpointconfig", {"S3Uri": "s3://bucket/prefix", "LocalPath": "/opt/ml/checkpoints"})
        return self

    def write(self, name: str, content: Any) -> None:
        path = self.root / "input" / "config" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))

    def channel(self, name: str) -> Path:
        return self.root / "input" / "data" / name

    def put(self, channel: str, name: str, content: bytes) -> None:
        path = self.channel(channel) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    @property
    def failure(self) -> str | None:
        path = self.root / "output" / "failure"
        return path.read_text() if path.exists() else None

    @property
    def model(self) -> Path:
        return self.root / "model"

    def start(
        self, repository: str = "xgboost", command: str | Sequence[str] = "train", **environment: str
    ) -> subprocess.Popen[str]:
        """The algorithm in a separate process, as the agent starts it."""
        words = [command] if isinstance(command, str) else command
        argv = [sys.executable, "-m", "sagewright.algorithms", repository, *words]
        variables = {
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "SAGEWRIGHT_ML_ROOT": str(self.root),
            "TRAINING_JOB_NAME": f"job-{zlib.crc32(bytes(self.root.parent)):08x}",  # hosts of tests beside this one are others
            **environment,
        }
        return subprocess.Popen(argv, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def metric(self, name: str, part: str = "validation") -> list[float]:
        """The values of a metric by round, read as the platform reads them: with TAB turned into #011."""
        lines = self.output.replace("\t", "#011").splitlines()
        pattern = re.compile(rf".*\[[0-9]+\].*#011{re.escape(part)}-{re.escape(name)}:(\S+?)(?:#011|$)")
        return [float(match[1]) for match in map(pattern.match, lines) if match]


@pytest.fixture
def job(tmp_path: Path) -> JobDirectory:
    return JobDirectory(tmp_path / "ml")


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[[str], JobDirectory]:
    return lambda name: JobDirectory(tmp_path / name)


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[JobDirectory, str], int]]:
    """Run an algorithm in this process; the value is the exit code, and the log goes to `job.output`."""
    from sagewright.algorithms.run import main

    def call(job: JobDirectory, repository: str = "xgboost") -> int:
        monkeypatch.setenv("SAGEWRIGHT_ML_ROOT", str(job.root))
        capsys.readouterr()
        code = main([repository, "train"])
        captured = capsys.readouterr()
        job.output = captured.out + captured.err
        return code

    before = signal.getsignal(signal.SIGTERM)
    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def together() -> Callable[[list[JobDirectory], str], None]:
    """Run one algorithm at several hosts at once, each a process: their jobs are configured with hosts of loopback addresses."""

    def call(jobs: list[JobDirectory], repository: str) -> None:
        processes = [job.start(repository, OMP_NUM_THREADS="1") for job in jobs]
        try:
            with ThreadPoolExecutor(len(jobs)) as readers:  # a pipe that nobody reads would hold its host up
                said = list(readers.map(lambda process: process.communicate(timeout=120)[0], processes))
            for job, process, output in zip(jobs, processes, said, strict=True):
                job.output = output
                assert process.returncode == 0, output
        finally:
            for process in processes:
                process.kill()
                process.communicate()

    return call


@pytest.fixture
def model_server(tmp_path: Path) -> Iterator[Callable[..., ModelServer]]:
    """Start a model's server: `model_server("sagewright.toolkit", "serve", NAME="value")`. Its /opt/ml is `tmp_path / "ml"`."""
    started: list[ModelServer] = []

    def start(*command: str, **environment: str) -> ModelServer:
        started.append(ModelServer(tmp_path / "ml", *command, **environment))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture(autouse=True)
def _subnormal_numbers() -> Iterator[None]:
    """A training that ran in the test's own process may have left torch's arithmetic without them."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
