"""Experiments: points a second of BatchPutMetrics, and Search over 100,000 trial components sorted by a metric."""

from __future__ import annotations

import random
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import load
from listing import ACCOUNT, BEGIN_MS, index
from rows import Row, percentile, spread
from server import REGION, Sagewright, client, running, scratch
from sqlalchemy import insert

from sagewright.store.database import Database
from sagewright.store.schema.resources import resources
from sagewright.store.schema.trials import component_metric_summaries
from sagewright.store.trials import COMPONENT

SECTION = "q"
COMPONENTS, BATCH, PAGE, CALLS = 100_000, 2_000, 10, 40
GOAL_MS = 5.0
PUTS, POINTS = 300, 10


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
    return [
        Row(
            SECTION, f"Search of {COMPONENTS:,} trial components sorted by a metric, p50", percentile(times, 50), "ms",
            "the goal, not a peer", GOAL_MS, "an index of the values, then a description of each", spread(times, "ms"),
        ),
        Row(SECTION, f"BatchPutMetrics, {POINTS} points a request, one client", rate, "points/s", "", None,
            "a boto3 call's own cost", f"{cpu_ms:.2f} ms of the server's CPU a request", higher_is_better=True),
    ]  # fmt: skip


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
