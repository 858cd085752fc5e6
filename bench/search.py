"""Search over 100,000 jobs by hyperparameters, metrics, tags, status and parts of names: milliseconds a page of ten.

Run by itself it prints medians: `.venv/bin/python bench/search.py [JOBS]`. Each answer is held against what is due.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from listing import ACCOUNT, BATCH, _events, _job, index
from server import REGION
from sqlalchemy import delete, insert, literal, select

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.settings import Settings
from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.services.sagemaker.search import search
from sagewright.store.database import Database
from sagewright.store.schema.events import events
from sagewright.store.schema.jobs import job_metrics, jobs
from sagewright.store.schema.properties import index_queue
from sagewright.store.schema.tags import tags

JOBS = 100_000
CALLS = 30
SPARE = 1.0 - 1e-9

Made = list[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """A filter (or an expression of several), an order, and which of the jobs are due in it."""

    what: str
    expression: dict[str, Any]
    sort_by: str
    holds: Callable[[dict[str, Any]], bool]
    key: Callable[[dict[str, Any]], Any]


def _one(name: str, operator: str, value: str) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}


def _all(*parts: dict[str, Any], operator: str = "And") -> dict[str, Any]:
    return {"SubExpressions": list(parts), "Operator": operator}


def questions() -> list[Question]:
    epochs, created = (lambda j: int(j["hp"]["epochs"])), (lambda j: j["created_ms"])
    auc, lr = (lambda j: j["auc"]), (lambda j: float(j["hp"]["lr"]))
    one_epochs = _one("HyperParameters.epochs", "Equals", "77777")
    slow, good = _one("HyperParameters.lr", "LessThan", "0.02"), _one("Metrics.validation:auc", "GreaterThan", "0.9")
    best, team = _one("Metrics.validation:auc", "GreaterThan", "0.9999"), _one("Tags.team", "Equals", "team-7")
    failed = _one("TrainingJobStatus", "Equals", "Failed")
    return [
        Question("newest first", {}, "CreationTime", lambda _j: True, created),
        Question("by a metric", {}, "Metrics.validation:auc", lambda _j: True, auc),
        Question("by a hyperparameter", {}, "HyperParameters.lr", lambda _j: True, lr),
        Question("part of a name (1 job)", _one("TrainingJobName", "Contains", "99999"), "CreationTime",
                 lambda j: "99999" in j["name"], created),
        Question("part of a name (1,000)", _one("TrainingJobName", "Contains", "b-00"), "CreationTime",
                 lambda j: "b-00" in j["name"], created),
        Question("part of a name (none)", _one("TrainingJobName", "Contains", "no-such-job"), "CreationTime",
                 lambda _j: False, created),
        Question("a hyperparameter (1 job)", one_epochs, "CreationTime", lambda j: j["hp"]["epochs"] == "77777", created),
        Question("a hyperparameter < (20 %), by a metric", slow, "Metrics.validation:auc", lambda j: lr(j) < 0.02, auc),
        Question("a metric > (10 %), by a hyperparameter", good, "HyperParameters.epochs", lambda j: auc(j) > 0.9, epochs),
        Question("a metric > (10 jobs), newest first", best, "CreationTime", lambda j: auc(j) > 0.9999, created),
        Question("a tag (2 %), by a metric", team, "Metrics.validation:auc", lambda j: j["team"] == "team-7", auc),
        Question("a status (1 %), newest first", failed, "CreationTime", lambda j: j["status"] == "Failed", created),
        Question("status and tag and metric, by the metric", _all(failed, team, good), "Metrics.validation:auc",
                 lambda j: j["status"] == "Failed" and j["team"] == "team-7" and auc(j) > 0.9, auc),
        Question("status or tag, by a hyperparameter", _all(failed, team, operator="Or"), "HyperParameters.epochs",
                 lambda j: j["status"] == "Failed" or j["team"] == "team-7", epochs),
        Question("a hyperparameter's text Contains", _one("HyperParameters.optimizer", "Contains", "DAM"), "CreationTime",
                 lambda j: "dam" in j["hp"]["optimizer"], created),
    ]  # fmt: skip


def fill(store: Database, count: int) -> Made:
    """The store as it would be after so many jobs with five hyperparameters, two metrics and two tags each."""
    rng, made = random.Random(0), []
    for first in range(0, count, BATCH):
        rows = [_job(number, rng) for number in range(first, min(count, first + BATCH))]
        for number, row in enumerate(rows, first):
            row["request"]["HyperParameters"] = hp = {
                "epochs": str(number), "lr": f"{rng.uniform(0.001, 0.1):.5f}", "depth": str(rng.randint(1, 12)),
                "optimizer": rng.choice(["adam", "sgd", "adamw"]), "seed": str(rng.randint(0, 10**6)),
            }  # fmt: skip
            facts = {"hp": hp, "auc": rng.random() * SPARE, "team": f"team-{rng.randint(0, 49)}"}
            made.append(facts | {key: row[key] for key in ("id", "name", "status", "created_ms")})
        own = made[first:]
        with store.write() as connection:
            connection.execute(insert(jobs), rows)
            connection.execute(insert(events), [event for row in rows for event in _events(row)])
            connection.execute(insert(job_metrics), [
                {"job_id": job["id"], "name": name, "value": value, "at_ms": job["created_ms"]}
                for job in own for name, value in (("validation:auc", job["auc"]), ("train:loss", 1 - job["auc"]))
            ])  # fmt: skip
            connection.execute(insert(tags), [
                {"arn": sagemaker_arn(REGION, ACCOUNT, "training-job", job["name"]), "key": key, "value": value, "position": at}
                for job in own for at, (key, value) in enumerate((("team", job["team"]), ("project", "bench")))
            ])  # fmt: skip
    with store.write() as connection:  # as the migration leaves it
        connection.execute(delete(index_queue))
        rows = connection.execute(select(literal("jobs"), jobs.c.id).order_by(jobs.c.created_ms)).all()
        connection.execute(insert(index_queue), [{"source": source, "ref": ref} for source, ref in rows])
    return made


def ask(context: Context, question: Question, made: Made) -> tuple[float, float]:
    """The medians of the milliseconds that a page takes, and of the CPU's. Raises RuntimeError for a wrong answer."""
    request = {"Resource": "TrainingJob", "SearchExpression": question.expression, "SortBy": question.sort_by}
    due = sorted(filter(question.holds, made), key=lambda job: (question.key(job), job["created_ms"]), reverse=True)[
        :10
    ]
    times, busy = [], []
    for _ in range(CALLS):
        begin, cpu = time.perf_counter(), time.thread_time()
        answer = search.search(context, request)
        times.append(1000 * (time.perf_counter() - begin))
        busy.append(1000 * (time.thread_time() - cpu))
    names = [one["TrainingJob"]["TrainingJobName"] for one in answer["Results"]]
    if names != [job["name"] for job in due]:
        raise RuntimeError(f"{question.what}: {names} instead of {[job['name'] for job in due]}")
    return statistics.median(times), statistics.median(busy)


def main(count: int, directory: Path) -> None:
    store = Database(f"sqlite:///{directory / 'store.sqlite'}", "off")
    made = fill(store, count)
    nothing = cast("Any", None)
    platform = Platform(Settings(data=directory), store, nothing, nothing)
    begin, spent = time.perf_counter(), time.process_time()
    rows = index(store, directory)
    took, busy = time.perf_counter() - begin, time.process_time() - spent
    print(f"{count:,} jobs ({rows:,} changes) indexed in {took:.0f} s, {busy:.0f} s CPU")
    context = Context("", ACCOUNT, REGION, ANONYMOUS, platform)
    for question in questions():
        took, busy = ask(context, question, made)
        print(f"{took:8.2f} ms, {busy:6.2f} ms CPU  {question.what}", flush=True)
    size = (directory / "store.sqlite").stat().st_size
    print(f"the store has {size / 1e6:,.0f} MB")
    store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else JOBS, Path(folder))
