"""A store of MLflow's with runs, each with one metric, as it would be after as many requests: FILE COUNT. Tells the best ten."""

import random
import sys
import uuid

from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import insert

file, count = sys.argv[1], int(sys.argv[2])
store = SqlAlchemyStore(f"sqlite:///{file}", f"{file}-artifacts")
experiment = int(store.create_experiment("measured"))
rng = random.Random(0)
scores = {uuid.UUID(int=rng.getrandbits(128)).hex: rng.random() for _ in range(count)}
with store.ManagedSessionMaker() as session:
    for first in range(0, count, 5000):
        part = list(scores.items())[first : first + 5000]
        runs = [
            {"run_uuid": run, "name": run[:8], "experiment_id": experiment, "status": "FINISHED", "lifecycle_stage": "active",
             "start_time": number, "end_time": number + 1, "artifact_uri": f"file:///{run}", "source_type": "LOCAL",
             "source_name": "", "entry_point_name": "", "user_id": "u", "source_version": ""}
            for number, (run, _) in enumerate(part, first)
        ]  # fmt: skip
        value = [
            {"run_uuid": run, "key": "auc", "value": score, "timestamp": 1, "step": 0, "is_nan": False}
            for run, score in part
        ]
        session.execute(insert(SqlRun), runs)
        session.execute(insert(SqlMetric), value)
        session.execute(insert(SqlLatestMetric), value)
        session.execute(insert(SqlParam), [{"run_uuid": run, "key": "depth", "value": "3"} for run, _ in part])
print(experiment, *sorted(scores, key=lambda run: scores[run], reverse=True)[:10])
