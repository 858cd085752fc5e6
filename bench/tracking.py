"""Experiments: points a second of BatchPutMetrics, and Search over 100,000 trial components sorted by a metric; beside MLflow's
own server on SQLite with 5,000 runs: with more of them the time of its search grows by their square.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import load
import peers
from listing import ACCOUNT, BEGIN_MS, index
from rows import Row, percentile, spread
from server import CACHE, REGION, Sagewright, client, free_port, running, scratch
from sqlalchemy import insert

from sagewright.store.database import Database
from sagewright.store.resources.trials import COMPONENT
from sagewright.store.schema.resources import resources
from sagewright.store.schema.trials import component_metric_summaries

SECTION = "q"
COMPONENTS, BATCH, PAGE, CALLS = 100_000, 2_000, 10, 40
GOAL_MS = 5.0
PUTS, POINTS = 300, 10
READY = CACHE / "clients" / "bench-tracking" / ".ready"
PYTHON = CACHE / "clients" / "bench-tracking" / "bin" / "python"
FILL_S, UP_S = 300, 120
RUNS, SEARCHES = 5_000, 8
"""Of the peer."""


def measure() -> list[Row]:
    with scratch() as directory:
        best = _fill(directory / "data")
        with running(Sagewright(directory / "data")) as server:
            assert isinstance(server, Sagewright)
            signer = load.Signer(server.port, server.key())
            times = _search(signer, best)
            begun = server.cpu_s()
            rate = _put(
                client(server.endpoint, server.key()), client(server.endpoint, server.key(), "sagemaker-metrics")
            )
            cpu_ms = 1000 * (server.cpu_s() - begun) / PUTS
        peer, theirs, their_rate = _mlflow(directory)
    title = f"Search of {COMPONENTS:,} trial components sorted by a metric, p50"
    return [
        Row(
            SECTION, title, percentile(times, 50), "ms", "the goal, not a peer", GOAL_MS,
            "an index of the values, then a description of each", spread(times, "ms"),
        ),
        Row(SECTION, title, percentile(times, 50), "ms", peer, theirs and percentile(theirs, 50),
            "an index of the values, where the peer joins and sorts all", spread(theirs, "ms") if theirs else ""),
        Row(SECTION, f"BatchPutMetrics, {POINTS} points a request, one client", rate, "points/s", peer, their_rate,
            "a boto3 call's own cost; the peer's client costs nothing", f"{cpu_ms:.2f} ms of the server's CPU a request",
            higher_is_better=True),
    ]  # fmt: skip


def _mlflow(directory: Path) -> tuple[str, list[float] | None, float | None]:
    """Its name, or why it can't be had; milliseconds of each search, and points a second."""
    try:
        peers.made(READY)
        with _Mlflow(directory) as server:
            return f"MLflow's server on SQLite, {RUNS:,} runs", server.search(), server.put()
    except (peers.NoPeer, RuntimeError, OSError, subprocess.SubprocessError) as error:
        return f"MLflow: {error}"[:120], None, None


class _Mlflow:
    """MLflow's server with one process that answers, and `RUNS` runs."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "mlflow.db"
        program = str(peers.PROGRAMS / "mlflow_runs.py")
        done = subprocess.run(
            [str(PYTHON), "-W", "ignore", program, str(self._file), str(RUNS)],
            capture_output=True, text=True, check=True, timeout=FILL_S,
        )  # fmt: skip
        self._experiment, *self._best = done.stdout.split()
        self._port = free_port()

    def __enter__(self) -> _Mlflow:
        command = [
            str(PYTHON.parent / "mlflow"), "server", "--backend-store-uri", f"sqlite:///{self._file}", "--workers", "1",
            "--port", str(self._port), "--uvicorn-opts", "--no-access-log --log-level warning",
        ]  # fmt: skip
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + UP_S
        while True:
            self._line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                self._line.request("GET", "/health")
                if self._line.getresponse().read() == b"OK":
                    return self
            except OSError:
                if time.monotonic() > until:
                    self.__exit__()
                    raise
            time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def search(self) -> list[float]:
        asked = {"experiment_ids": [self._experiment], "max_results": PAGE, "order_by": ["metrics.auc DESC"]}
        times = []
        for _ in range(SEARCHES):
            begin = time.perf_counter()
            found = self._ask("runs/search", asked)["runs"]
            times.append(1000 * (time.perf_counter() - begin))
            if [one["info"]["run_id"] for one in found] != self._best:
                raise RuntimeError("MLflow's search has found others than the best")
        return times[1:]

    def put(self) -> float:
        run = self._ask("runs/create", {"experiment_id": self._experiment})["run"]["info"]["run_id"]
        begin = time.perf_counter()
        for step in range(PUTS):
            points = [{"key": f"m{which}", "value": float(step), "timestamp": step, "step": step}
                      for which in range(POINTS)]  # fmt: skip
            self._ask("runs/log-batch", {"run_id": run, "metrics": points})
        return PUTS * POINTS / (time.perf_counter() - begin)

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        self._line.request("POST", f"/api/2.0/mlflow/{path}", json.dumps(body), headers)
        answer = self._line.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        if answer.status != http.client.OK:
            raise RuntimeError(f"MLflow answers {answer.status}: {str(told)[:100]}")
        return told


def _fill(data: Path) -> list[str]:
    """A store with the components, as it would be after as many requests; the names of the best, by their metric, in order."""
    data.mkdir(parents=True, exist_ok=True)
    store = Database(f"sqlite:///{data / 'store.sqlite'}", "off")
    rng = random.Random(0)
    scores = {f"component-{number:06d}": rng.random() for number in range(COMPONENTS)}
    made = [_component(number, name) for number, name in enumerate(scores)]
    for first in range(0, COMPONENTS, BATCH):
        part = made[first : first + BATCH]
        with store.write() as connection:  # a trigger queues each for the index
            connection.execute(insert(resources), part)
            connection.execute(insert(component_metric_summaries), [_summary(one, scores[one["name"]]) for one in part])
    index(store, data)
    store.close()
    return sorted(scores, key=lambda name: scores[name], reverse=True)[:PAGE]


def _component(number: int, name: str) -> dict[str, Any]:
    document = {"Name": name, "Parameters": {"depth": {"NumberValue": float(number % 12)}}}
    at_ms = BEGIN_MS + number
    return {"id": uuid.uuid4().hex, "kind": COMPONENT, "account": ACCOUNT, "region": REGION, "name": name, "version": 0,
            "parent": "", "status": "", "created_ms": at_ms, "modified_ms": at_ms, "document": document}  # fmt: skip


def _summary(component: dict[str, Any], score: float) -> dict[str, Any]:
    same = dict.fromkeys(("minimum", "maximum", "mean", "last"), score)
    at_ms = component["created_ms"]
    return {"component": component["id"], "name": "auc", "count": 1, "squares": 0.0, "at_ms": at_ms, **same}


def _search(signer: load.Signer, best: list[str]) -> list[float]:
    """Milliseconds of each call, as a client of no cost sees them."""
    body = {
        "Resource": "ExperimentTrialComponent",
        "SortBy": "Metrics.auc.Last",
        "SortOrder": "Descending",
        "MaxResults": PAGE,
    }
    data = signer.request("Search", body)
    times = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        status, answer = load.ask(signer.port, data, 60)
        times.append(1000 * (time.perf_counter() - begin))
        if status != 200 or not all(name.encode() in answer for name in best):
            raise RuntimeError(f"{status}: {answer[-500:]!r} instead of {best}")
    return times[1:]


def _put(sagemaker: Any, metrics: Any) -> float:
    """Points a second of one client."""
    sagemaker.create_trial_component(TrialComponentName="measured")
    begin = time.perf_counter()
    for step in range(PUTS):
        points = [{"MetricName": f"m{which}", "Timestamp": datetime.now(UTC), "Step": step, "Value": float(step)}
                  for which in range(POINTS)]  # fmt: skip
        metrics.batch_put_metrics(TrialComponentName="measured", MetricData=points)
    return PUTS * POINTS / (time.perf_counter() - begin)
