"""Tuning jobs: the list, and a job with its trials, the best one, and what good trials have in common."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from markupsafe import Markup

from sagewright.studio import brushes, charts, tables, wording
from sagewright.studio.brushes import Brush
from sagewright.studio.buttons import Button
from sagewright.studio.charts import Axis, Curve, ParallelRun
from sagewright.studio.operations import OperationCall
from sagewright.studio.tables import Chip, EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page

STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")
START = EmptyState(
    "No tuning job yet",
    "from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter\n\n"
    'HyperparameterTuner(estimator, "validation:auc", max_jobs=20, max_parallel_jobs=2, hyperparameter_ranges={\n'
    '    "eta": ContinuousParameter(0.01, 0.5, "Logarithmic"), "max_depth": IntegerParameter(2, 10)}).fit(inputs)',
)
MOST_TRIALS = 1000
SHOWN = 12


@page("/tuning", "list.html", "tuning", ("tuning",))
def tuning_jobs(visit: Visit) -> Listing:
    source = ListSource(
        "ListHyperParameterTuningJobs",
        "HyperParameterTuningJobSummaries",
        {"name": "Name", "status": "Status", "started": "CreationTime"},
        "-started",
        statuses=STATUSES,
    )
    read = tables.read(visit, source)
    columns = (
        TableColumn("Name", "name", "name"),
        TableColumn("Status", "status", "status"),
        TableColumn("Strategy", "text", "", 2),
        TableColumn("Trials done", "number", "", 1),
        TableColumn("Failed", "number", "", 2),
        TableColumn("Of", "number", "", 1),
        TableColumn("Started", "time", "started"),
    )
    stop = Button(
        "Stop",
        OperationCall("sagemaker", "StopHyperParameterTuningJob", {}),
        "Stopping {n}",
        each="HyperParameterTuningJobName",
        back="/studio/tuning",
    )
    return Listing(
        "Tuning jobs",
        columns,
        tuple(_row(one) for one in read.rows),
        START,
        **read.position,
        chips=read.chips,
        choices=(tables.status_choice(visit, STATUSES),),
        acts=(stop,),
        q=visit.query.get("q", ""),
        sorted_by=read.sorted_by,
    )


def _row(one: dict[str, Any]) -> Row:
    name, counts = one["HyperParameterTuningJobName"], one["TrainingJobStatusCounters"]
    limits = one.get("ResourceLimits", {})
    return Row(
        name,
        (
            tables.name(name, f"/studio/tuning/{name}"),
            tables.status(one["HyperParameterTuningJobStatus"]),
            tables.text(one["Strategy"], look="soft"),
            tables.count(counts.get("Completed", 0)),
            tables.count(counts.get("NonRetryableError", 0)),
            tables.count(limits.get("MaxNumberOfTrainingJobs")),
            tables.time(one["CreationTime"]),
        ),
    )


@dataclass(frozen=True)
class TunedTrial:
    """A training job of a tuning job; `value`: its objective, None while it has none."""

    name: str
    status: str
    value: float | None
    parameters: dict[str, str]
    stopped_early: bool


@dataclass(frozen=True)
class TuningView:
    name: str
    status: str
    reason: str
    objective: str
    maximize: bool
    best: TunedTrial | None
    counts: str
    strategy: str
    started: datetime
    duration: float | None
    trials: tuple[TunedTrial, ...]
    shown: tuple[TunedTrial, ...]
    names: tuple[str, ...]
    importances: tuple[tuple[str, float], ...]
    acts: tuple[Button, ...]
    early: str
    parallel: Markup = field(repr=False, default=Markup(""))
    progress: Markup = field(repr=False, default=Markup(""))
    importance: Markup = field(repr=False, default=Markup(""))
    why: str = ""
    axes: tuple[str, ...] = ()
    """Axes of `parallel`, on which a range can be chosen."""
    chips: tuple[Chip, ...] = ()
    kept: int = 0
    """The number of finished trials within the chosen ranges."""


@page("/tuning/{name}", "tuning.html", "tuning", ("tuning", "training"))
def tuning_job(visit: Visit) -> TuningView:
    """The best trial, and what good trials have in common."""
    name = visit.path["name"]
    found = visit.client.sagemaker("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)
    config = found["HyperParameterTuningJobConfig"]
    objective = config.get("HyperParameterTuningJobObjective") or {}
    maximize = objective.get("Type", "Maximize") == "Maximize"
    trials = _trials(visit, name)
    done = sorted((one for one in trials if one.value is not None), key=lambda one: one.value or 0.0, reverse=maximize)
    names = tuple(dict.fromkeys(key for one in trials for key in one.parameters))
    importances = importance(done, names)
    metric = objective.get("MetricName", "objective")
    ranges = brushes.read(visit)
    kept = [one for one in done if all(brush.keeps(_places(one, metric)) for brush in ranges)]
    axes = _axes(done, names, metric, ranges)
    counters = found["TrainingJobStatusCounters"]
    most = config["ResourceLimits"].get("MaxNumberOfTrainingJobs", "–")
    return TuningView(
        name,
        found["HyperParameterTuningJobStatus"],
        found.get("FailureReason", ""),
        objective.get("MetricName", ""),
        maximize,
        done[0] if done else None,
        f"{counters.get('Completed', 0)} done, {counters.get('InProgress', 0)} run, "
        f"{counters.get('NonRetryableError', 0)} failed, of {most}",
        f"{config['Strategy']}, {config['ResourceLimits']['MaxParallelTrainingJobs']} at once",
        found["CreationTime"],
        wording.seconds_between(found["CreationTime"], found.get("HyperParameterTuningEndTime") or visit.now),
        tuple(trials),
        tuple(kept[:SHOWN]),
        names,
        importances,
        _buttons(name, found, done),
        config.get("TrainingJobEarlyStoppingType", "Off"),
        _parallel(done, axes, kept, maximize=maximize),
        _progress(trials, maximize=maximize),
        charts.bars(importances, "Importance of parameters") if importances else Markup(""),
        visit.why("hyper-parameter-tuning-job", name, live=not found.get("HyperParameterTuningEndTime")),
        tuple(axis.name for axis in axes),
        brushes.chips(visit, ranges),
        len(kept),
    )


def _trials(visit: Visit, name: str) -> list[TunedTrial]:
    """Returns the trials in the order of their start."""
    found: list[TunedTrial] = []
    token = None
    while len(found) < MOST_TRIALS:
        read = visit.client.sagemaker(
            "ListTrainingJobsForHyperParameterTuningJob",
            HyperParameterTuningJobName=name,
            MaxResults=100,
            NextToken=token,
            SortBy="CreationTime",
            SortOrder="Ascending",
        )
        for one in read["TrainingJobSummaries"]:
            final = one.get("FinalHyperParameterTuningJobObjectiveMetric")
            value = None if final is None else float(final["Value"])
            early = one["TrainingJobStatus"] == "Stopped" and value is not None
            found.append(
                TunedTrial(
                    one["TrainingJobName"], one["TrainingJobStatus"], value, dict(one["TunedHyperParameters"]), early
                )
            )
        token = read.get("NextToken")
        if not token:
            break
    return found


def importance(done: Sequence[TunedTrial], names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Returns the share of the objective's variance that each parameter explains by itself, in descending order.

    A parameter's trials are divided into at most five groups of like values; the share is the variance between groups, corrected
    for the number of groups (adjusted eta squared). Source: R. A. Fisher, "Statistical Methods for Research Workers", ch. VII.
    """
    values = [one.value for one in done if one.value is not None]
    if len(values) < 8 or not (whole := statistics.pvariance(values) * len(values)):
        return ()
    shares = {}
    for name in names:
        having = sorted((_position(one.parameters[name]), one.value or 0.0) for one in done if name in one.parameters)
        groups = _groups(having)
        within = sum(statistics.pvariance(group) * len(group) for group in groups if group)
        spare = max(len(having) - len(groups), 1)
        shares[name] = max(1 - within / whole * (len(values) - 1) / spare, 0.0)
    return tuple(sorted(shares.items(), key=lambda one: -one[1]))


def _position(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), ""
    except ValueError:
        return 1, 0.0, text


def _groups(having: Sequence[tuple[tuple[int, float, str], float]]) -> list[list[float]]:
    distinct = list(dict.fromkeys(position for position, _ in having))
    if len(distinct) <= 5:
        return [[value for position, value in having if position == one] for one in distinct]
    size = -(-len(having) // 5)
    return [[value for _, value in having[at : at + size]] for at in range(0, len(having), size)]


def _places(one: TunedTrial, metric: str) -> dict[str, float]:
    """Returns where a finished trial crosses each axis."""
    numeric = {name: float(text) for name, text in one.parameters.items() if _position(text)[0] == 0}
    return {**numeric, metric: one.value or 0.0}


def _axes(done: Sequence[TunedTrial], names: Sequence[str], metric: str, ranges: Sequence[Brush]) -> list[Axis]:
    numeric = [name for name in names if all(_position(one.parameters.get(name, ""))[0] == 0 for one in done)][:7]
    if len(done) < 2 or not numeric:
        return []
    kept = {brush.axis: (brush.low, brush.high) for brush in ranges}
    places = [_places(one, metric) for one in done]
    return [Axis(name, [place[name] for place in places], kept.get(name)) for name in (*numeric, metric)]


def _parallel(
    done: Sequence[TunedTrial], axes: Sequence[Axis], kept: Sequence[TunedTrial], *, maximize: bool
) -> Markup:
    if not axes:
        return Markup("")
    quarter, inside = max(len(done) // 4, 1), {one.name for one in kept}
    runs = [
        ParallelRun(
            one.name,
            "gone" if one.name not in inside else "k2 thick" if at == 0 else "r3" if at < quarter else "r0 hair",
        )
        for at, one in enumerate(done)
    ]
    best = "highest" if maximize else "lowest"
    shown = "" if len(kept) == len(done) else f"; {len(kept)} within the chosen ranges"
    return charts.parallel(axes, runs, f"Parameters of {len(done)} trials; the {best} {axes[-1].name} in orange{shown}")


def _progress(trials: Sequence[TunedTrial], *, maximize: bool) -> Markup:
    done = [(at, one.value) for at, one in enumerate(trials, 1) if one.value is not None]
    if len(done) < 2:
        return Markup("")
    best, so_far = done[0][1], []
    for _, value in done:
        best = max(best, value) if maximize else min(best, value)
        so_far.append(best)
    xs = [float(at) for at, _ in done]
    return charts.curves(
        [Curve("", xs, [value for _, value in done], "k7 faint"), Curve("", xs, so_far, "k1 thick")],
        f"Best objective so far over {len(done)} trials: {wording.number(so_far[-1])}",
        150,
    )


def _buttons(name: str, found: dict[str, Any], done: Sequence[TunedTrial]) -> tuple[Button, ...]:
    if found["HyperParameterTuningJobStatus"] != "InProgress":
        return ()
    call = OperationCall("sagemaker", "StopHyperParameterTuningJob", {"HyperParameterTuningJobName": name})
    left = f"{len(done)} finished trials stay; those that run are stopped."
    return (Button("Stop…", call, f"Stopping {name}", "harm", confirm=left, back=f"/studio/tuning/{name}"),)
