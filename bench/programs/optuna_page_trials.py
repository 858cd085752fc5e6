"""A study of Optuna's with trials of five parameters, five metrics and two attributes: URL COUNT."""

import random
import sys
from datetime import datetime, timedelta

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages._rdb import models
from sqlalchemy import insert

METRICS = ("validation:logloss", "train:auc", "train:logloss", "train:rmse")
url, count = sys.argv[1], int(sys.argv[2])
optuna.logging.disable_default_handler()
study = optuna.create_study(storage=url, study_name="measured", direction="maximize")
rng, begin = random.Random(0), datetime(2025, 6, 15)
spaces = {
    "epochs": IntDistribution(0, count), "lr": FloatDistribution(0.001, 0.1), "depth": IntDistribution(1, 12),
    "optimizer": CategoricalDistribution(["adam", "sgd", "adamw"]), "seed": IntDistribution(0, 10**6),
}  # fmt: skip


def trial(number: int) -> optuna.trial.FrozenTrial:
    parameters = {
        "epochs": number, "lr": rng.uniform(0.001, 0.1), "depth": rng.randint(1, 12),
        "optimizer": rng.choice(["adam", "sgd", "adamw"]), "seed": rng.randint(0, 10**6),
    }  # fmt: skip
    made = optuna.create_trial(
        params=parameters, distributions=spaces, value=rng.random(),
        user_attrs={**{name: rng.random() for name in METRICS}, "team": f"team-{rng.randint(0, 49)}", "project": "bench"},
    )  # fmt: skip
    made.datetime_start = begin + timedelta(seconds=number)
    made.datetime_complete = made.datetime_start + timedelta(seconds=4)
    return made


first = trial(0)
study.add_trial(first)  # the tables' rows that the others are like
storage = study._storage._backend
with storage.engine.begin() as connection:  # a trial at a time would take minutes
    rows = [trial(number) for number in range(1, count)]
    connection.execute(insert(models.TrialModel), [
        {"trial_id": 1 + at, "number": at, "study_id": 1, "state": one.state, "datetime_start": one.datetime_start,
         "datetime_complete": one.datetime_complete}
        for at, one in enumerate(rows, 1)
    ])  # fmt: skip
    connection.execute(insert(models.TrialValueModel), [
        {"trial_id": 1 + at, "objective": 0, "value": one.value, "value_type": models.TrialValueModel.TrialValueType.FINITE}
        for at, one in enumerate(rows, 1)
    ])  # fmt: skip
    connection.execute(insert(models.TrialParamModel), [
        {"trial_id": 1 + at, "param_name": name, "param_value": spaces[name].to_internal_repr(value),
         "distribution_json": optuna.distributions.distribution_to_json(spaces[name])}
        for at, one in enumerate(rows, 1) for name, value in one.params.items()
    ])  # fmt: skip
    connection.execute(insert(models.TrialUserAttributeModel), [
        {"trial_id": 1 + at, "key": key, "value_json": f'"{value}"' if isinstance(value, str) else str(value)}
        for at, one in enumerate(rows, 1) for key, value in one.user_attrs.items()
    ])  # fmt: skip
