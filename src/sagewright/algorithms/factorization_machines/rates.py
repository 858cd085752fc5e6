"""Chooses Adam's rates and epochs that the job leaves open. AWS's defaults, one epoch at 0.0001 for factors, learn next to nothing.

Several rates learn from a part of the rows and are compared on others; the worse ones are dropped after one epoch and after three.
Source: K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sagewright.algorithms.factorization_machines.declaration import PARTS
from sagewright.algorithms.factorization_machines.descent import FactorizationLearner
from sagewright.algorithms.factorization_machines.model import Machine, matrix
from sagewright.algorithms.factorization_machines.reported import cross_entropy
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.rows.source import Source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Sparse, Table

RATES = (0.01, 0.003, 0.03, 0.001, 0.1)
"""Rates in units of the labels' deviation, the most promising first."""
SIGMA = 0.05
MOST_EPOCHS, PATIENCE = 30, 2
REMAINING = {1: 3, 3: 1}
"""Number of rates that continue after each number of epochs."""
TRIED, TRIED_UPDATES, FEWEST = 100_000, 20_000_000, 200
"""Maximum number of rows on which rates are tried, or of updates in one epoch; with fewer than FEWEST rows the most promising rate
is used."""
MOST_UPDATES = 3_000_000_000
"""Maximum number of updates in all epochs, if the job does not set the number of epochs."""


@dataclass(frozen=True)
class Open:
    """The settings that the job leaves open: the rates of `parts`, the factors' start, the bias's, and the number of `epochs`, up
    to `most`."""

    parts: tuple[str, ...]
    factors: bool
    bias: bool
    epochs: bool
    most: int


@dataclass(frozen=True)
class Plan:
    """The `values` to learn with, for labels less `shift` in units of `unit`, and the initial bias, None if the job sets it."""

    values: Mapping[str, Any]
    shift: float
    unit: float
    bias: float | None

    def labels(self, labels: np.ndarray) -> np.ndarray:
        return ((labels - self.shift) / self.unit).astype(np.float32)

    def raw(self, predicted: np.ndarray) -> np.ndarray:
        return predicted * self.unit + self.shift

    def machine(self, found: Machine) -> Machine:
        """The machine for unscaled labels."""
        root = np.float32(np.sqrt(self.unit))
        return Machine(found.bias * self.unit + self.shift, found.linear * np.float32(self.unit), found.factors * root)


def plan(run: Session, rows: Source) -> Plan:
    """The settings to learn with, the same at all hosts."""
    left = _left_open(run, rows)
    labels = np.asarray(rows.table.labels, np.float64)
    regresses = run.values["predictor_type"] == "regressor"
    unit, mean = (float(labels.std()) or 1.0, float(labels.mean())) if regresses else (1.0, 0.0)
    free = len(left.parts) == len(PARTS)  # a given rate applies to unscaled labels
    begun = Plan(
        run.values, mean if free else 0.0, unit if free else 1.0, (0.0 if free else mean) if left.bias else None
    )
    settings = [_with(run.values, left, rate, 1.0 if free else unit) for rate in (RATES if left.parts else RATES[:1])]
    number, epochs = 0, left.most if rows.in_memory or not left.epochs else 1
    if run.group.rank == 0 and (left.parts or left.epochs) and rows.table.rows >= FEWEST:
        number, found = _best(run, rows.table, [replace(begun, values=values) for values in settings], left.most)
        epochs = found if left.epochs and rows.in_memory else epochs
    made: Plan = run.group.from_first(replace(begun, values={**settings[number], "epochs": epochs}))
    names = ("epochs", "factors_init_sigma", *(f"{part}_lr" for part in PARTS))
    logging.info("Learning with %s", {name: float(made.values[name]) for name in names})
    return made


def _left_open(run: Session, rows: Source) -> Open:
    parts = tuple(part for part in PARTS if f"{part}_lr" not in run.chosen)
    bias, factors = (
        not any(each.startswith(f"{part}_init_") for each in run.asks_for("adam")) for part in ("bias", "factors")
    )
    epochs = "epochs" not in run.chosen
    entries = _entries(rows.table) * run.values["num_factors"]
    most = min(MOST_EPOCHS, max(1, MOST_UPDATES // max(entries, 1))) if epochs else run.values["epochs"]
    return Open(parts, factors, bias, epochs, most)


def _with(values: Mapping[str, Any], left: Open, rate: float, unit: float) -> Mapping[str, Any]:
    rates = {f"{part}_lr": rate * (np.sqrt(unit) if part == "factors" else unit) for part in left.parts}
    sigma = {"factors_init_sigma": SIGMA * np.sqrt(unit)} if left.factors else {}
    return {**values, **rates, **sigma}


def _entries(table: Table) -> int:
    features = table.features
    return len(features.values) if isinstance(features, Sparse) else features.size


def _best(run: Session, table: Table, plans: list[Plan], most: int) -> tuple[int, int]:
    """The number of the best plan, and the number of epochs, at most `most`, after which it was best."""
    random = np.random.default_rng([run.seed, 7])
    updates = _entries(table) // table.rows * run.values["num_factors"]
    count = min(table.rows, TRIED, max(FEWEST, TRIED_UPDATES // max(updates, 1)))
    picked = random.choice(table.rows, count, replace=False)
    learnt, held = table.take(picked[count // 10 :]), table.take(picked[: count // 10])
    x, x_held = matrix(learnt.features), matrix(held.features)
    y, y_held = (plans[0].labels(np.asarray(part.labels)) for part in (learnt, held))
    alive = {number: FactorizationLearner(each.values, run.seed, each.bias) for number, each in enumerate(plans)}
    best, waited, size = (np.inf, 0, 1), 0, run.values["mini_batch_size"]
    for epoch in range(1, min(most, MOST_EPOCHS) + 1):
        reached = {}
        for number, learner in alive.items():
            for first in random.permutation(np.arange(0, len(y), size)):
                learner.step(x[first : first + size], y[first : first + size], Group())
            reached[number] = _loss(run, learner.machine().raw(x_held), y_held)
        found = min((loss, number, epoch) for number, loss in reached.items())
        waited = 0 if found[0] < best[0] else waited + 1
        best = min(best, found)
        for number in sorted(reached, key=lambda each: reached[each])[REMAINING.get(epoch, len(reached)) :]:
            del alive[number]
        if waited >= PATIENCE:
            break
    return best[1], best[2]


def _loss(run: Session, raw: np.ndarray, labels: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        regresses = run.values["predictor_type"] == "regressor"
        loss = float(np.mean((raw - labels) ** 2)) if regresses else cross_entropy(raw, labels)
    return loss if np.isfinite(loss) else np.inf
