"""Stores for bench/studio.py: jobs with five metrics, five hyperparameters and two tags; one job of them with long curves.

They are made once, kept under .cache/bench-data, and copied for each run: `python bench/studiostore.py JOBS` makes one.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from listing import ACCOUNT, BATCH, _events, _job, index, mark_read
from server import CACHE, REGION
from sqlalchemy import delete, insert, literal, select

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.store.database import Database
from sagewright.store.logs.metrics import dimension_text
from sagewright.store.schema.events import events
from sagewright.store.schema.jobs import job_metrics, jobs
from sagewright.store.schema.metrics import metric_data
from sagewright.store.schema.properties import index_queue
from sagewright.store.schema.tags import tags

METRICS = ("validation:auc", "validation:logloss", "train:auc", "train:logloss", "train:rmse")
CURVES, POINTS, SHORT = 20, 100_000, 40
LONG_IN = 10_000
"""The number of jobs of the store whose newest job has the long curves."""
COMPARED = 200
"""Jobs, the newest, with a short curve each."""
NAMESPACE = "/aws/sagemaker/TrainingJobs"


def copy(count: int, to: Path) -> None:
    """Puts a store with `count` jobs into the folder `to`."""
    shutil.copytree(made(count), to)


def made(count: int) -> Path:
    """Returns the folder of a store with `count` jobs; makes it if it is missing or was made by another version of this file."""
    version = hashlib.sha256(Path(__file__).read_bytes())
    folder = CACHE / "bench-data" / f"studio-{count}"
    ready = folder.with_suffix(".ready")
    if ready.exists() and ready.read_text() == version.hexdigest():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    store = Database(f"sqlite:///{folder / 'store.sqlite'}", "off")
    fill(store, count)
    index(store, folder)
    mark_read(store)  # components exist, outside the index
    store.close()
    ready.write_text(version.hexdigest())
    return folder


def fill(store: Database, count: int) -> None:
    """The store as it would be after `count` jobs."""
    rng = random.Random(0)
    for first in range(0, count, BATCH):
        rows = [_one(number, rng) for number in range(first, min(count, first + BATCH))]
        with store.write() as connection:
            connection.execute(insert(jobs), rows)
            connection.execute(insert(events), [event for row in rows for event in _events(row)])
            connection.execute(insert(job_metrics), [
                {"job_id": row["id"], "name": name, "value": rng.random(), "at_ms": row["created_ms"]}
                for row in rows for name in METRICS
            ])  # fmt: skip
            connection.execute(insert(tags), [
                {"arn": sagemaker_arn(REGION, ACCOUNT, "training-job", row["name"]), "key": key, "value": value, "position": at}
                for row in rows
                for at, (key, value) in enumerate((("team", f"team-{rng.randint(0, 49)}"), ("project", "bench")))
            ])  # fmt: skip
    with store.write() as connection:  # as the migration leaves it
        connection.execute(delete(index_queue))
        found = connection.execute(select(literal("jobs"), jobs.c.id).order_by(jobs.c.created_ms)).all()
        connection.execute(insert(index_queue), [{"source": source, "ref": ref} for source, ref in found])
    newest = [(number, job_name(number)) for number in range(max(0, count - COMPARED), count)]
    for number, name in newest:
        last = number == count - 1
        _curves(store, name, number, CURVES if last else 1, POINTS if last and count == LONG_IN else SHORT)


def job_name(number: int) -> str:
    return f"job-{(number * 7919) % 100_000:06d}"


def _one(number: int, rng: random.Random) -> dict[str, Any]:
    row = _job(number, rng)
    row["request"]["HyperParameters"] = {
        "epochs": str(number), "lr": f"{rng.uniform(0.001, 0.1):.5f}", "depth": str(rng.randint(1, 12)),
        "optimizer": rng.choice(["adam", "sgd", "adamw"]), "seed": str(rng.randint(0, 10**6)),
    }  # fmt: skip
    return row


def _curves(store: Database, job: str, number: int, curves: int, points: int) -> None:
    """Reports of a job, a step at a time as its agent sends them."""
    rng, begin = random.Random(number), 1_750_000_000_000 + 10_000 * number
    names = [f"curve-{at:02d}" for at in range(curves)] if curves > 1 else [METRICS[0]]
    own = {"account": ACCOUNT, "region": REGION, "namespace": NAMESPACE, "samples": 1.0, "unit": "None",
           "dimensions": dimension_text({"TrainingJobName": job})}  # fmt: skip
    for first in range(0, points, BATCH):
        rows = [
            {**own, "name": name, "at_ms": begin + step * 36, "total": value, "minimum": value, "maximum": value}
            for step in range(first, min(points, first + BATCH))
            for name in names
            for value in (1 - 1 / (1 + step / 1000) + rng.random() / 10,)
        ]
        with store.write() as connection:
            connection.execute(insert(metric_data), rows)


if __name__ == "__main__":
    print(made(int(sys.argv[1])))
