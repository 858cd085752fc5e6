"""Translates validated hyperparameters into XGBoost's parameters: sorts out renamed, removed and container-only ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.algorithms.schema.hyperparameters import NEVER
from sagewright.algorithms.xgboost.declaration import HYPERPARAMETERS, MAXIMIZED
from sagewright.algorithms.xgboost.measures import MEASURES
from sagewright.algorithms.xgboost.rules import DEFAULT_OBJECTIVE

REMOVED = tuple(each.name for each in HYPERPARAMETERS if NEVER in each.needs)
"""Settings of old XGBoost versions that have no successor."""

CONTAINER_ONLY = (
    "num_round", "csv_weights", "early_stopping_rounds", "eval_metric", "save_model_on_termination", "_kfold",
    "_num_cv_round", "_tuning_objective_metric",
)  # fmt: skip
"""Hyperparameters that the algorithm handles itself."""

RENAMED_UPDATERS = {"grow_skmaker": "grow_histmaker", "distcol": "grow_colmaker"}


@dataclass(frozen=True)
class Plan:
    """One training: `booster` goes to XGBoost unchanged; `measures` are evaluated by this package; `notes` are log lines.

    `early_stopping_metric` None means the last metric that is evaluated.
    """

    rounds: int
    booster: dict[str, Any]
    measures: tuple[str, ...]
    objective: str
    num_class: int | None
    early_stopping_rounds: int | None
    early_stopping_metric: str | None
    save_on_termination: bool
    notes: tuple[str, ...]

    @property
    def maximize(self) -> bool | None:
        """True if a larger early-stopping metric is better; None leaves it to XGBoost."""
        if self.early_stopping_metric is None:
            return None
        return self.early_stopping_metric.partition("@")[0] in MAXIMIZED


def plan(values: Mapping[str, Any], gpus: int) -> Plan:
    """Returns the training that validated hyperparameters specify, on a host with `gpus` usable GPUs."""
    booster = {name: value for name, value in values.items() if name not in REMOVED + CONTAINER_ONLY}
    notes = _modernise(booster, gpus)
    metrics = list(dict.fromkeys(values.get("eval_metric", [])))
    goal = values.get("_tuning_objective_metric")
    if goal is not None:
        goal = goal.partition(":")[2]
        notes.append(f"Setting up HPO optimized metric to be : {goal}")
        metrics = [*(name for name in metrics if name != goal), goal]
    metrics = [_full_name(name, values) for name in metrics]
    native = [name for name in metrics if name not in MEASURES]
    if native:
        booster["eval_metric"] = native
    return Plan(
        rounds=values["num_round"],
        booster=booster,
        measures=tuple(name for name in metrics if name in MEASURES),
        objective=booster.get("objective", DEFAULT_OBJECTIVE),
        num_class=values.get("num_class"),
        early_stopping_rounds=values.get("early_stopping_rounds"),
        early_stopping_metric=metrics[-1] if metrics else None,
        save_on_termination=values.get("save_model_on_termination", False),
        notes=tuple(notes),
    )


def _full_name(metric: str, values: Mapping[str, Any]) -> str:
    """Appends the variance power to tweedie-nloglik's name, as XGBoost requires."""
    return f"{metric}@{values.get('tweedie_variance_power', 1.5):g}" if metric == "tweedie-nloglik" else metric


def _modernise(booster: dict[str, Any], gpus: int) -> list[str]:
    """Replaces renamed parameters in place; returns messages for the user."""
    notes = []
    if booster.get("objective") == "reg:linear":
        booster["objective"] = "reg:squarederror"
        notes.append("Objective reg:linear is now called reg:squarederror.")
    if booster.pop("silent", 0) and "verbosity" not in booster:
        booster["verbosity"] = 0
        notes.append("silent 1 is now called verbosity 0.")
    if booster.get("tree_method") == "gpu_hist":
        booster.update(tree_method="hist", device="cuda" if gpus else "cpu")
        if not gpus:
            notes.append("tree_method gpu_hist: this host has no usable GPU, so hist runs on the CPU.")
    if "updater" in booster:
        updaters = [RENAMED_UPDATERS.get(name, name) for name in booster["updater"]]
        if updaters != booster["updater"]:
            notes.append(f"Updaters {','.join(booster['updater'])} are now {','.join(updaters)}.")
        booster["updater"] = ",".join(updaters)
    for name in ("monotone_constraints", "interaction_constraints"):
        if name in booster:
            booster[name] = str(booster[name])
    return notes
