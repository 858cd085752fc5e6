"""Pipelines: what a step costs, light and as a process, in chains and in a pipeline of 1,000; beside Prefect, Dagster and Airflow.

Every step's state is durable on all sides. The peers' steps are Python functions called in their own process, which is closest to
a Condition step of ours; a Processing or a Lambda step is a sandboxed process, which they have nothing beside.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peers
from rows import Row, median, spread
from server import CACHE, ROLE, ROOT, Sagewright, client, running, scratch

SECTION = "p"
CHAIN, LARGE, PROCESSES, ROUNDS = 50, 1000, 20, 5
GOAL_S = 10.0
PEERS, AIRFLOW = (CACHE / "clients" / name for name in ("bench-workflow", "airflow"))
PROGRAMS = Path(__file__).parent / "programs"
IMAGE = "sagemaker-base-python:py3"
LIGHT = "one row of the store a step, and its events"
PEER_S = 300
LOOK_S, SELDOM_S = 0.002, 0.02
"""How often a client looks whether an execution has ended: seldom where steps are processes, as a look every 2 ms takes half a core
of two."""


def measure() -> list[Row]:
    with scratch() as directory:
        with running(Sagewright(directory / "data")) as server:
            assert isinstance(server, Sagewright)
            own = _Own(server)
            own.run([_condition(0)])  # what is imported and compiled at first
            chain = [own.run(_chain(_condition, CHAIN)) for _ in range(ROUNDS)]
            large = [own.run(_chain(_condition, LARGE)) for _ in range(ROUNDS)]
            begun = server.cpu_s()
            flat = [own.run([_condition(number) for number in range(LARGE)]) for _ in range(ROUNDS)]
            cpu_ms = (server.cpu_s() - begun) * 1000 / (ROUNDS * LARGE)
            own.run([_processing(0)])
            process, loop = own.processes()
        theirs = [
            _peer("Prefect", directory, PEERS, _prefect),
            _peer("Dagster", directory, PEERS, _dagster),
            _peer("Airflow without its scheduler", directory, AIRFLOW, _airflow),
        ]
    ms = [1000 * each / CHAIN for each in chain]
    rows = [
        Row(SECTION, f"a light step in a chain of {CHAIN}", median(ms), "ms", name, value, LIGHT, spread(ms, "ms"))
        for name, value in theirs
    ]
    goal = "the goal, not a peer"
    return [
        *rows,
        Row(SECTION, f"a chain of {LARGE:,} light steps", median(large), "s", goal, GOAL_S, LIGHT, spread(large, "s")),
        Row(
            SECTION, f"{LARGE:,} light steps that wait for nothing", LARGE / median(flat), "steps/s", "the goal, not a peer",
            LARGE / GOAL_S, LIGHT, f"{cpu_ms:.2f} ms of the server's CPU a step", higher_is_better=True,
        ),
        Row(
            SECTION, f"a no-op Processing step in a chain of {PROCESSES}", median(process), "ms",
            "a boto3 loop that makes the same jobs and waits", median(loop), "CPU: start, end, the next sandbox",
            spread(process, "ms"),
        ),
    ]  # fmt: skip


class _Own:
    """Pipelines of a server, by boto3."""

    def __init__(self, server: Sagewright) -> None:
        self._sagemaker = client(server.endpoint, server.key())

    def run(self, steps: list[dict[str, Any]], look_s: float = LOOK_S) -> float:
        """Seconds from StartPipelineExecution to the end of a pipeline of these steps."""
        name = f"bench-{uuid.uuid4().hex}"
        definition = json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps})
        self._sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=definition, RoleArn=ROLE, ClientRequestToken=uuid.uuid4().hex
        )
        begin = time.perf_counter()
        arn = self._sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken=uuid.uuid4().hex)[
            "PipelineExecutionArn"
        ]
        while (told := self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn))[
            "PipelineExecutionStatus"
        ] == "Executing":
            time.sleep(look_s)
        took = time.perf_counter() - begin
        if told["PipelineExecutionStatus"] != "Succeeded":
            raise RuntimeError(f"{told}")
        return took

    def processes(self) -> tuple[list[float], list[float]]:
        """Milliseconds a process, in turns: as steps of a chain, and as jobs that a client makes one after the other."""
        steps, loop = [], []
        for _ in range(ROUNDS):
            steps.append(1000 * self.run(_chain(_processing, PROCESSES), SELDOM_S) / PROCESSES)
            begin = time.perf_counter()
            for number in range(PROCESSES):
                self._job(number)
            loop.append(1000 * (time.perf_counter() - begin) / PROCESSES)
        return steps, loop

    def _job(self, number: int) -> None:
        name = f"loop-{uuid.uuid4().hex}"
        self._sagemaker.create_processing_job(ProcessingJobName=name, **_processing(number)["Arguments"])
        while self._sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress":
            time.sleep(0.002)


def _chain(make: Callable[[int], dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return [make(number) | ({"DependsOn": [f"s{number - 1}"]} if number else {}) for number in range(count)]


def _condition(number: int) -> dict[str, Any]:
    held = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    return {"Name": f"s{number}", "Type": "Condition",
            "Arguments": {"Conditions": [held], "IfSteps": [], "ElseSteps": []}}  # fmt: skip


def _processing(number: int) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    arguments = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        "RoleArn": ROLE,
    }
    return {"Name": f"s{number}", "Type": "Processing", "Arguments": arguments}


def _peer(
    name: str, directory: Path, environment: Path, run: Callable[[Path], list[float]]
) -> tuple[str, float | None]:
    """Its name and the milliseconds of a step, or why there are none."""
    try:
        _install(environment / ".ready")
        return f"{name}, a chain of functions", 1000 * median(run(directory)) / CHAIN
    except (peers.NoPeer, subprocess.TimeoutExpired) as error:
        return f"{name}: {str(error)[:120]}", None


def _install(ready: Path) -> None:
    """A peer's environment, by the Makefile's rule. Raises NoPeer."""
    made = ["make", "--quiet", str(ready.relative_to(ROOT))]
    done = subprocess.run(made, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise peers.NoPeer((done.stderr.strip().splitlines() or ["make failed"])[-1])


def _prefect(directory: Path) -> list[float]:
    environ = {
        "PREFECT_HOME": str(directory / "prefect"),
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    return _told(PEERS, PROGRAMS / "prefect_chain.py", environ)


def _dagster(directory: Path) -> list[float]:
    home = directory / "dagster"
    home.mkdir()
    return _told(PEERS, PROGRAMS / "dagster_chain.py", {"DAGSTER_DISABLE_TELEMETRY": "yes"}, str(home))


def _airflow(directory: Path) -> list[float]:
    home = directory / "airflow"
    dags = home / "dags"
    dags.mkdir(parents=True)
    program = Path(shutil.copy(PROGRAMS / "airflow_chain.py", dags))
    environ = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    _run([str(AIRFLOW / "bin" / "airflow"), "db", "migrate"], environ)
    return _told(AIRFLOW, program, environ)


def _told(environment: Path, program: Path, environ: dict[str, str], *words: str) -> list[float]:
    """Seconds of each run. Raises NoPeer, TimeoutExpired."""
    printed = _run([str(environment / "bin" / "python"), str(program), str(CHAIN), str(ROUNDS), *words], environ)
    found: list[float] = json.loads(printed.strip().splitlines()[-1])
    return found


def _run(argv: list[str], environ: dict[str, str]) -> str:
    """What it printed. Raises NoPeer, TimeoutExpired."""
    done = subprocess.run(
        argv, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=PEER_S
    )
    if done.returncode:
        raise peers.NoPeer((done.stderr.strip().splitlines() or ["it failed"])[-1])
    return done.stdout
