"""Factorization machines' training: by Gibbs sampling, or by Adam on mini-batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.factorization_machines import (
    epochs,
    gibbs,
    held_out,
    kernel,
    linear,
    mean,
    repeats,
    reported,
    units,
)
from sagewright.algorithms.factorization_machines.blocks import variables
from sagewright.algorithms.factorization_machines.declaration import DECLARATION
from sagewright.algorithms.factorization_machines.epochs import prepare
from sagewright.algorithms.factorization_machines.model import Machine, MachineModel, matrix
from sagewright.algorithms.factorization_machines.task import Length, Task
from sagewright.algorithms.factorization_machines.units import Units
from sagewright.algorithms.firstparty import baseline, threads
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns
from sagewright.algorithms.firstparty.rows.source import Source
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.formats.table import Sparse, Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.native import hardware

SWEEPS, FEWEST_SWEEPS = 100, 20
MOST_UPDATES = 20_000_000_000
"""Maximum number of updates in one host's sweeps, about a minute. Beyond it the number of sweeps falls, to a minimum, unless the
job sets it."""
ROOM = 0.6
"""Share of the job's memory that sampling can use."""
GAIN_S, CALLS_S, COMPILING_S, MOST_AT_ONCE = 1e-8, 4e-5, 1.5, 40
"""Time that compiled code saves for an entry and number, time of array operations for a variable and number, time of compiling (all
in seconds), and the maximum number of variables for array operations on one host."""
BEYOND = 0.5
"""The share of the range of train's scores by which others may leave it."""
EXACTLY = 0.01
"""Maximum loss on held-out rows, as a multiple of the constant's, of a machine without factors whose scores need no limits."""
MOST_VARIABLES, MOST_EXCHANGES = 512, 200_000
"""Maximum numbers of variables that are drawn at once, and of sums over hosts: minutes."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    with session(DECLARATION, "factorization-machines", job, values) as run, threads.one():
        rows = run.source("train", _wanted(values))
        assert rows is not None
        machine = fit(run, rows)
        model = MachineModel(machine, values["predictor_type"])
        run.save(model.encode())
        tested = run.rows("test", _wanted(values))
        if tested is not None:
            said = [(machine.raw(matrix(block.features)), np.asarray(block.labels)) for block in tested.blocks()]
            reported.quality(run, "test", *(np.concatenate(each) for each in zip(*said, strict=True)))


def fit(run: Session, rows: Source) -> Machine:
    """Fits the machine according to the hyperparameters."""
    found = _sampled(run, rows)
    run.solver("adam" if found is None else "mcmc")
    if found is not None:
        return _sample(run, *found)
    machine = epochs.descend(run, rows)
    return _limited(run, machine, machine.raw(prepare(rows.table, False)[0]) if rows.in_memory else None)


def _limited(run: Session, machine: Machine, raw: np.ndarray | None) -> Machine:
    """The machine of a regressor whose scores leave the range of train's by no more than BEYOND of it: a product of columns is far
    too large for a row with values beyond those of train. libFM's predictions stay in the labels' range. `raw` (n,) are this host's
    scores; if any host's are unknown, None, there are no limits.
    """
    ends = None if raw is None else (float(raw.min(initial=np.inf)), float(raw.max(initial=-np.inf)))
    everywhere = run.group.gather(ends)
    if run.values["predictor_type"] == "binary_classifier" or None in everywhere:
        return machine
    least, most = min(low for low, _ in everywhere), max(high for _, high in everywhere)
    beyond = BEYOND * (most - least)
    return replace(machine, limits=(least - beyond, most + beyond)) if np.isfinite(beyond) else machine


def _wanted(values: Mapping[str, Any]) -> ExpectedColumns:
    classes = 2 if values["predictor_type"] == "binary_classifier" else None
    return ExpectedColumns(values["feature_dim"], labels=True, sparse=True, classes=classes)


def _sampled(run: Session, rows: Source) -> tuple[Units, Task] | None:
    """The data to sample; None if gradients are used instead. Raises UserError if requested sampling is impossible."""
    asked = run.values["_solver"]
    if asked == "adam" or (asked == "auto" and run.asks_for("adam")):
        return None
    possible = rows.in_memory and _bytes(rows.table, run.values["num_factors"]) < ROOM * hardware.memory_bytes()
    everywhere = int(run.group.total(np.array([int(possible)]))[0]) == run.group.size
    task = _task(run, rows) if everywhere else None
    if task is None and asked == "mcmc":
        raise UserError(
            "_solver mcmc needs rows that fit in memory, and with several instances columns that belong to variables, "
            f"one hot each: {MOST_VARIABLES} of them at most."
        )
    return task


def _bytes(table: Table, factors: int) -> int:
    """Peak memory of sampling: three copies of the rows, by row and by column, each row's products, and priors of each column."""
    features = table.features
    entries = len(features.values) if isinstance(features, Sparse) else features.size
    return 24 * entries + table.rows * (8 * factors + 64) + 48 * table.columns * (factors + 1)


def _task(run: Session, rows: Source) -> tuple[Units, Task] | None:
    """Rows in their units, or None if hosts would have to exchange sums too often."""
    x, y = prepare(rows.table, False)
    x = csr_matrix(x)
    x.sort_indices()
    unit = units.fit(x, run.group)
    x = unit.apply(x)
    starts = variables(x, MOST_VARIABLES, run.group)
    if run.group.size > 1:
        exchanges = 0 if starts is None else len(starts) * (run.values["num_factors"] + 1) * FEWEST_SWEEPS
        if starts is None or exchanges > MOST_EXCHANGES:
            return None
    binary = run.values["predictor_type"] == "binary_classifier"
    task = Task(x, y, run.values["num_factors"], binary, starts, unit.flat, scale=unit.scale)
    single = task if run.group.size > 1 else repeats.without(task)
    if len(single.y) < len(y):
        logging.info("%d rows are copies of others: %d different ones count.", len(y) - len(single.y), len(single.y))
    return unit, single


def _length(run: Session, task: Task) -> Length:
    """As many sweeps as `epochs` sets, or as many as are worthwhile."""
    entries = int(run.group.total(np.array([len(task.x.data)]))[0]) // run.group.size
    kept = SWEEPS if "epochs" not in run.chosen else run.values["epochs"]
    most = MOST_UPDATES // max(entries * task.factors, 1)
    if run.group.size > 1 and task.starts is not None:
        most = min(most, MOST_EXCHANGES // (len(task.starts) * (task.factors + 1)))
    if "epochs" not in run.chosen:
        kept = min(kept, max(most * 4 // 5, FEWEST_SWEEPS * 4 // 5))
    return Length(min(20, max(most // 5, 4)), kept)


def _how(run: Session, task: Task, length: Length) -> Task:
    """The task with `at_once` decided: variables are drawn at once over several hosts, and if compiling would take longer than it
    saves."""
    if task.starts is None or (run.group.size == 1 and kernel.kept()):
        return task
    numbers = (length.burn_in + length.kept) * (task.factors + 1)
    gained = numbers * (len(task.x.data) * GAIN_S + len(task.starts) * CALLS_S)
    at_once = run.group.size > 1 or (gained < COMPILING_S and len(task.starts) <= MOST_AT_ONCE)
    return replace(task, at_once=at_once)


def _sample(run: Session, unit: Units, task: Task) -> Machine:
    length = _length(run, task)
    task = _how(run, task, length)
    checked = held_out.check(task, length, run.seed, run.group)
    weight = 1.0 if checked is None else checked.weight
    if checked is not None:
        baseline.report(run.lines, checked.ratio)
        logging.info("On held-out rows a machine without factors has a weight of %.2g.", 1 - weight)
    if weight:
        logging.info("Gibbs sampling: %d sweeps after %d that are discarded.", length.kept, length.burn_in)
    length = length if checked is None else replace(length, burn_in=checked.left)
    began = time.monotonic()
    exact = checked is not None and checked.plain is None
    chains = [(task, length, None if checked is None else checked.chain)] if weight else []
    if weight < 1 and checked is not None and not exact:
        other = replace(length, kept=length.kept // 2)
        chains.append((held_out.without_factors(task), other, checked.plain))
        logging.info(
            "Without factors: %d sweeps after %d that are discarded. They count as epochs, too.",
            other.kept,
            other.burn_in,
        )
    sweeps, done = sum(each.burn_in + each.kept for _, each, _ in chains), 0
    machines = []
    for rows, each, first in chains:
        machines.append(_machine(run, rows, each, first, (done, sweeps)))
        done += each.burn_in + each.kept
    if weight < 1 and exact:
        machines.append(linear.machine(task))
        logging.info("Without factors: the average of linear models of all penalties.")
    run.lines.throughput(len(task.y) * max(sweeps, 1), time.monotonic() - began)
    machine = machines[0] if len(machines) == 1 else held_out.averaged(machines[0], machines[1], weight)
    if not chains:
        reported.quality(run, "train", machine.raw(task.x), task.y, epoch=0)
        run.lines.progress(1, 1)
    machine = _with_factors(machine if checked is None else checked.shrunk(machine), task.factors)
    raw = machine.raw(task.x)
    reported.quality(run, "train", raw, task.y)
    if checked is not None and checked.ratio <= EXACTLY and not machine.factors.any():
        return unit.raw(machine)
    return _limited(run, unit.raw(machine), raw)


def _machine(run: Session, task: Task, length: Length, begun: gibbs.Reached | None, place: tuple[int, int]) -> Machine:
    """The mean machine of a chain, which goes on from the one that has `begun`. `place`: sweeps before it, and of all chains."""
    before, sweeps = place
    sampler = gibbs.Sampler(task, run.seed, run.group)
    if begun is not None:
        sampler.go_on_from(begun)

    def report(number: int, chain: gibbs.Sampler) -> None:
        reported.quality(run, "train", chain.raw(), task.y, epoch=before + number)
        run.lines.progress(before + number + 1, sweeps)

    return mean.fit(sampler, length, report)


def _with_factors(machine: Machine, count: int) -> Machine:
    """The same machine with `count` factors at least: models have `num_factors` of them."""
    lacking = max(0, count - machine.factors.shape[1])
    return replace(machine, factors=np.pad(machine.factors, ((0, 0), (0, lacking))))
