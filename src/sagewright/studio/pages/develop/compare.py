"""Any runs side by side: training jobs and trial components, by table and by curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio import charts, wording
from sagewright.studio.charts import Curve
from sagewright.studio.operations import MetricOfJob
from sagewright.studio.runs.curvestyle import StyleChoice, choices, style_of
from sagewright.studio.visit import Done, Visit, form, page

MOST = 200
LOOKS = ("k1 thick", "k2", "k3 d2", "k4 d3", "k5 d4", "k6")
POINTS = 400
NAMESPACE = "/aws/sagemaker/TrainingJobs"


@dataclass(frozen=True)
class ComparedRun:
    """A run; `groups`: its values by group (Metrics, Parameters, Settings), as text; `metrics`: the numbers."""

    name: str
    link: str
    status: str
    metrics: dict[str, float]
    parameters: dict[str, str]
    settings: dict[str, str]


@dataclass(frozen=True)
class ComparedCell:
    text: str
    difference: str = ""
    look: str = ""


@dataclass(frozen=True)
class ComparedRow:
    name: str
    cells: tuple[ComparedCell, ...]
    number: bool


@dataclass(frozen=True)
class ComparedRuns:
    """`rows`: groups of rows, those that differ unless `everything`; `differing` of `whole` rows differ."""

    runs: tuple[ComparedRun, ...]
    groups: tuple[tuple[str, tuple[ComparedRow, ...]], ...]
    differing: int
    whole: int
    everything: bool
    metric: str
    metrics: tuple[str, ...]
    missing: tuple[str, ...]
    styles: tuple[StyleChoice, ...] = field(repr=False, default=())
    drawing: Markup = field(repr=False, default=Markup(""))

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        rows = [[row.name, *(cell.text for cell in row.cells)] for _, rows in self.groups for row in rows]
        return ["", *(run.name for run in self.runs)], rows


@form("/compare")
def compare_chosen(visit: Visit, _fields: dict[str, str]) -> Done:
    """Opens the comparison of a list's chosen rows. The list's form has a token, which must not stay in a URL."""
    return Done("", f"/studio/compare?{urlencode([('pick', name) for name in visit.chosen[: MOST + 1]])}")


@page("/compare", "compare.html", "experiments", ("training",))
def compare(visit: Visit) -> ComparedRuns:
    """The differences between the chosen runs, against the first one."""
    names = list(dict.fromkeys(visit.values("pick")))
    if not names or len(names) > MOST:
        raise ValidationException(f"Between 1 and {MOST} runs can be compared; {len(names)} are chosen.")
    base = visit.query.get("base", "")
    names.sort(key=lambda name: name != base)
    runs, missing = [], []
    for name in names:
        try:
            runs.append(_run(visit, name))
        except AwsError:
            missing.append(name)
    if not runs:
        raise ValidationException(f"None of these runs exists: {', '.join(missing)[:300]}")
    everything = visit.query.get("all") == "1"
    metrics = sorted(dict.fromkeys(name for run in runs for name in run.metrics), key=wording.metric_rank)
    metric = visit.query.get("metric", metrics[0] if metrics else "")
    groups, differing, whole = _groups(runs, metrics, everything=everything)
    return ComparedRuns(
        tuple(runs),
        groups,
        differing,
        whole,
        everything,
        metric,
        tuple(metrics),
        tuple(missing),
        choices(visit),
        _curves(visit, runs, metric),
    )


def _run(visit: Visit, name: str) -> ComparedRun:
    if name.startswith("component:"):
        return _component(visit, name.removeprefix("component:"))
    found = visit.client.sagemaker("DescribeTrainingJob", TrainingJobName=name)
    resources = found.get("ResourceConfig", {})
    settings = {
        "image": found["AlgorithmSpecification"].get("TrainingImage", "").rpartition("/")[2],
        "instance": f"{resources.get('InstanceCount', 1)} × {resources.get('InstanceType', '')}",
        "duration": wording.duration(
            wording.seconds_between(found.get("TrainingStartTime"), found.get("TrainingEndTime"))
        ),
        **{
            f"channel {one['ChannelName']}": (one["DataSource"].get("S3DataSource") or {}).get("S3Uri", "")
            for one in found.get("InputDataConfig", [])
        },
    }
    metrics = {one["MetricName"]: float(one["Value"]) for one in found.get("FinalMetricDataList", [])}
    metrics.pop("ObjectiveMetric", None)
    parameters = {key: value for key, value in found.get("HyperParameters", {}).items() if not key.startswith("_")}
    return ComparedRun(name, f"/studio/jobs/{name}", found["TrainingJobStatus"], metrics, parameters, settings)


def _component(visit: Visit, name: str) -> ComparedRun:
    found = visit.client.sagemaker("DescribeTrialComponent", TrialComponentName=name)
    metrics = {one["MetricName"]: float(one["Last"]) for one in found.get("Metrics", []) if "Last" in one}
    parameters = {key: str(next(iter(value.values()))) for key, value in found.get("Parameters", {}).items()}
    status = found.get("Status", {}).get("PrimaryStatus", "")
    settings = {"source": wording.name_of((found.get("Source") or {}).get("SourceArn", ""))}
    shown = found.get("DisplayName") or name
    return ComparedRun(shown, f"/studio/components/{name}", status, metrics, parameters, settings)


def _groups(
    runs: Sequence[ComparedRun], metrics: Sequence[str], *, everything: bool
) -> tuple[tuple[tuple[str, tuple[ComparedRow, ...]], ...], int, int]:
    parameters = sorted({name for run in runs for name in run.parameters})
    settings = list(dict.fromkeys(name for run in runs for name in run.settings))
    made = (
        ("Metrics", [_numbers(name, [run.metrics.get(name) for run in runs]) for name in metrics]),
        ("Parameters", [_texts(name, [run.parameters.get(name) for run in runs]) for name in parameters]),
        ("Settings", [_texts(name, [run.settings.get(name) for run in runs]) for name in settings]),
    )
    whole = sum(len(rows) for _, rows in made)
    differing = sum(_differs(row) for _, rows in made for row in rows)
    groups = [
        (title, tuple(row for row in rows if everything or _differs(row) or len(runs) == 1)) for title, rows in made
    ]
    return tuple(one for one in groups if one[1]), differing, whole


def _differs(row: ComparedRow) -> bool:
    return len({cell.text for cell in row.cells}) > 1


def _numbers(name: str, values: Sequence[float | None]) -> ComparedRow:
    known = [value for value in values if value is not None]
    falls = wording.falls(name)
    best = (min(known) if falls else max(known)) if known else None
    base = values[0]
    cells = []
    for at, value in enumerate(values):
        if value is None:
            cells.append(ComparedCell(wording.NONE, look="same"))
            continue
        change = value - base if at and base is not None else 0.0
        sign = "" if not change else "up" if (change < 0) == falls else "down"
        difference = wording.delta(change) if at and base is not None and change else ""
        look = "best" if value == best and len(set(known)) > 1 else "same" if at and value == base else ""
        cells.append(ComparedCell(wording.number(value), f"{sign}|{difference}" if difference else "", look))
    return ComparedRow(name, tuple(cells), number=True)


def _texts(name: str, values: Sequence[str | None]) -> ComparedRow:
    base = values[0]
    cells = [
        ComparedCell(wording.NONE if value is None else value, look="same" if at and value == base else "")
        for at, value in enumerate(values)
    ]
    return ComparedRow(name, tuple(cells), number=False)


def _curves(visit: Visit, runs: Sequence[ComparedRun], metric: str) -> Markup:
    shown = [(at, run) for at, run in enumerate(runs) if run.link.startswith("/studio/jobs/")]
    asked = [MetricOfJob(NAMESPACE, "TrainingJobName", run.name, metric) for _, run in shown]
    style = style_of(visit)
    drawn = [
        Curve(
            run.name[-12:] if at < len(LOOKS) else "",
            points.positions,
            points.values,
            LOOKS[at] if at < len(LOOKS) else "k7 hair",
        )
        for (at, run), points in zip(shown, visit.client.readings.several(asked, POINTS), strict=True)
        if len(points.values) > 1
    ]
    if not drawn:
        return Markup("")
    label = f"{metric} of {len(drawn)} runs by reported value"
    styled = [curve for one in drawn for curve in style.drawn(one)]
    return charts.curves(styled, label, 224, axis=style.axis, names=True)
