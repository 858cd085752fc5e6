"""A store of MLflow's with runs of five metrics, five parameters and two tags, as after as many requests: FILE COUNT."""

import random
import sys
import uuid

from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import insert

METRICS = ("validation:auc", "validation:logloss", "train:auc", "train:logloss", "train:rmse")
file, count = sys.argv[1], int(sys.argv[2])
store = SqlAlchemyStore(f"sqlite:///{file}", f"{file}-artifacts")
experiment = int(store.create_experiment("measured"))
rng = random.Random(0)
names = [uuid.UUID(int=rng.getrandbits(128)).hex for _ in range(count)]
with store.ManagedSessionMaker() as session:
    for first in range(0, count, 5000):
        part = list(enumerate(names[first : first + 5000], first))
        runs = [
            {"run_uuid": run, "name": f"job-{number:06d}", "experiment_id": experiment, "status": "FINISHED",
             "lifecycle_stage": "active", "start_time": 1_750_000_000_000 + number, "end_time": 1_750_000_001_000 + number,
             "artifact_uri": f"file:///{run}", "source_type": "LOCAL", "source_name": "", "entry_point_name": "",
             "user_id": "u", "source_version": ""}
            for number, run in part
        ]  # fmt: skip
        values = [
            {"run_uuid": run, "key": key, "value": rng.random(), "timestamp": 1, "step": 0, "is_nan": False}
            for _, run in part
            for key in METRICS
        ]
        parameters = [
            {"run_uuid": run, "key": key, "value": value}
            for number, run in part
            for key, value in (
                ("epochs", str(number)), ("lr", f"{rng.uniform(0.001, 0.1):.5f}"), ("depth", str(rng.randint(1, 12))),
                ("optimizer", rng.choice(["adam", "sgd", "adamw"])), ("seed", str(rng.randint(0, 10**6))),
            )
        ]  # fmt: skip
        tags = [
            {"run_uuid": run, "key": key, "value": value}
            for _, run in part
            for key, value in (("team", f"team-{rng.randint(0, 49)}"), ("project", "bench"))
        ]
        session.execute(insert(SqlRun), runs)
        session.execute(insert(SqlMetric), values)
        session.execute(insert(SqlLatestMetric), values)
        session.execute(insert(SqlParam), parameters)
        session.execute(insert(SqlTag), tags)
print(experiment)
