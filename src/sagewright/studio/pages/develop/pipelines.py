"""Pipelines: the list, a pipeline with its executions, and an execution as a graph, in time, and as a list of steps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from markupsafe import Markup

from sagewright.studio import charts, tables, wording
from sagewright.studio.buttons import Button, Field
from sagewright.studio.charts import GraphNode, LaneSpan
from sagewright.studio.differences import changed_lines
from sagewright.studio.operations import OperationCall
from sagewright.studio.pipelinegraph import Step, edges_of, following, icon_of, parameters_of, resource_of, steps_of
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page

START = EmptyState(
    "No pipeline yet",
    "from sagemaker.workflow.pipeline import Pipeline\nfrom sagemaker.workflow.steps import TrainingStep\n\n"
    'Pipeline("weekly", steps=[TrainingStep("Train", step_args=estimator.fit(inputs))]).upsert(role)',
)
MOST_STEPS = 100
MOST_SELECTED = 50
"""Steps that StartPipelineExecution selects."""
REUSED = ("Succeeded", "Failed", "CompletedWithFailures")
"""Statuses of executions whose results another one can take."""


@page("/pipelines", "list.html", "pipelines", ("pipeline", "execution"))
def pipelines(visit: Visit) -> Listing:
    source = ListSource(
        "ListPipelines",
        "PipelineSummaries",
        {"name": "Name", "made": "CreationTime"},
        "-made",
        name_filter="PipelineNamePrefix",
    )
    read = tables.read(visit, source)
    columns = (
        TableColumn("Name", "name", "name"),
        TableColumn("Description", "text", "", 3),
        TableColumn("Last execution", "time", "", 1),
        TableColumn("Created", "time", "made"),
    )
    rows = tuple(
        Row(
            one["PipelineName"],
            (
                tables.name(one["PipelineName"], f"/studio/pipelines/{one['PipelineName']}"),
                tables.text(one.get("PipelineDescription", ""), look="soft cut2"),
                tables.time(one.get("LastExecutionTime")),
                tables.time(one["CreationTime"]),
            ),
        )
        for one in read.rows
    )
    return Listing(
        "Pipelines",
        columns,
        rows,
        START,
        **read.position,
        chips=read.chips,
        q=visit.query.get("q", ""),
        sorted_by=read.sorted_by,
        hint="Name begins with…",
    )


@dataclass(frozen=True)
class ExecutionLine:
    id: str
    name: str
    status: str
    started: datetime


@dataclass(frozen=True)
class PipelineVersion:
    """`number`: the version's id; `description`: a sentence by who changed it."""

    number: int
    changed: datetime
    description: str


@dataclass(frozen=True)
class PipelineView:
    name: str
    description: str
    changed: datetime
    executions: tuple[ExecutionLine, ...]
    more: str
    parameters: tuple[tuple[str, str, str], ...]
    steps: tuple[Step, ...]
    definition: str
    acts: tuple[Button, ...]
    versions: tuple[PipelineVersion, ...]
    compared: tuple[int, int]
    """The versions whose difference is shown, (0, 0) for none."""
    difference: str
    drawing: Markup = field(repr=False, default=Markup(""))


@page("/pipelines/{name}", "pipeline.html", "pipelines", ("pipeline", "execution"))
def pipeline(visit: Visit) -> PipelineView:
    name = visit.path["name"]
    found = visit.client.sagemaker("DescribePipeline", PipelineName=name)
    document = json.loads(found["PipelineDefinition"])
    listed = visit.client.sagemaker(
        "ListPipelineExecutions",
        PipelineName=name,
        MaxResults=50,
        SortBy="CreationTime",
        SortOrder="Descending",
        NextToken=visit.query.get("after"),
    )
    executions = tuple(
        ExecutionLine(
            one["PipelineExecutionArn"].rpartition("/")[2],
            one.get("PipelineExecutionDisplayName", ""),
            one["PipelineExecutionStatus"],
            one["StartTime"],
        )
        for one in listed["PipelineExecutionSummaries"]
    )
    steps = steps_of(document)
    nodes = {one.name: GraphNode(one.name, one.type, "wait", icon_of(one.type)) for one in steps}
    parameters = parameters_of(document)
    token = listed.get("NextToken")
    versions, compared, difference = _versions(visit, name)
    return PipelineView(
        name,
        found.get("PipelineDescription", ""),
        found["LastModifiedTime"],
        executions,
        visit.link(after=token) if token else "",
        parameters,
        steps,
        json.dumps(document, indent=2),
        _start(name, parameters),
        versions=versions,
        compared=compared,
        difference=difference,
        drawing=charts.graph(nodes, edges_of(steps), f"Steps of {name}"),
    )


def _versions(visit: Visit, name: str) -> tuple[tuple[PipelineVersion, ...], tuple[int, int], str]:
    """Returns the versions, newest first, and the difference of the one in the URL to the one before it."""
    found, _ = visit.client.attempt(
        "sagemaker", "ListPipelineVersions", PipelineName=name, MaxResults=50, SortOrder="Descending"
    )
    versions = tuple(
        PipelineVersion(one["PipelineVersionId"], one["CreationTime"], one.get("PipelineVersionDescription", ""))
        for one in found.get("PipelineVersionSummaries", [])
    )
    numbers = sorted(one.number for one in versions)
    asked = visit.query.get("version", "")
    chosen = int(asked) if asked.isdecimal() and int(asked) in numbers else numbers[-1] if numbers else 0
    before = max((number for number in numbers if number < chosen), default=0)
    if not before:
        return versions, (0, 0), ""
    texts = [
        json.dumps(
            json.loads(
                visit.client.sagemaker("DescribePipeline", PipelineName=name, PipelineVersionId=number)[
                    "PipelineDefinition"
                ]
            ),
            indent=1,
        )
        for number in (before, chosen)
    ]
    return versions, (before, chosen), changed_lines(*texts)


def _start(name: str, parameters: Sequence[tuple[str, str, str]]) -> tuple[Button, ...]:
    start = OperationCall("sagemaker", "StartPipelineExecution", {"PipelineName": name})
    fields = tuple(Field(f"PipelineParameters.{one}", f"{one} ({kind})", default) for one, kind, default in parameters)
    delete = OperationCall("sagemaker", "DeletePipeline", {"PipelineName": name})
    lost = f"{name} and its executions are deleted. The jobs that they created stay."
    return (
        Button(
            "Start…" if fields else "Start",
            start,
            f"Started {name}",
            "main",
            "plus",
            fields,
            back=f"/studio/pipelines/{name}",
            key="c",
        ),
        Button("Delete…", delete, f"Deleted {name}", "harm", confirm=lost, back="/studio/pipelines"),
    )


@dataclass(frozen=True)
class StepLine:
    """A step as it ran. `cause`: why it failed or was skipped; `link`: the job or resource that it made."""

    name: str
    type: str
    status: str
    started: datetime | None
    seconds: float | None
    tries: int
    cause: str
    link: str
    cached: str
    missed: str = ""
    """The URL that says why it was not taken from the cache."""
    again: Button | None = None


@dataclass(frozen=True)
class CacheMissView:
    """Why `step` was not taken from the cache. `before`: the earlier execution that `reason` refers to; `paths`: the
    differences."""

    step: str
    reason: str
    before: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class ExecutionView:
    id: str
    pipeline: str
    name: str
    status: str
    reason: str
    started: datetime
    duration: float | None
    counts: str
    steps: tuple[StepLine, ...]
    parameters: tuple[tuple[str, str], ...]
    acts: tuple[Button, ...]
    miss: CacheMissView | None = None
    why: str = ""
    drawing: Markup = field(repr=False, default=Markup(""))
    lanes: Markup = field(repr=False, default=Markup(""))


@page("/pipelines/{name}/{id}", "execution.html", "pipelines", ("execution", "training", "processing", "transform"))
def execution(visit: Visit) -> ExecutionView:
    """An execution: which steps run, failed or were reused, and their results."""
    name, own = visit.path["name"], visit.path["id"]
    arn = f"arn:aws:sagemaker:{visit.place.region}:{visit.place.account}:pipeline/{name.lower()}/execution/{own}"
    found = visit.client.sagemaker("DescribePipelineExecution", PipelineExecutionArn=arn)
    ran = visit.client.sagemaker(
        "ListPipelineExecutionSteps", PipelineExecutionArn=arn, MaxResults=MOST_STEPS, SortOrder="Ascending"
    )
    given = visit.client.sagemaker("ListPipelineParametersForExecution", PipelineExecutionArn=arn).get(
        "PipelineParameters", []
    )
    declared = visit.client.sagemaker("DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)
    steps = steps_of(json.loads(declared["PipelineDefinition"]))
    lines = {one["StepName"]: _line(one, visit.now) for one in ran["PipelineExecutionSteps"]}
    status, ended = found["PipelineExecutionStatus"], found["LastModifiedTime"]
    over = status not in ("Executing", "Stopping")
    nodes = {one.name: _node(one, lines.get(one.name), over=over) for one in steps}
    return ExecutionView(
        own,
        name,
        found.get("PipelineExecutionDisplayName", ""),
        status,
        found.get("FailureReason", ""),
        found["CreationTime"],
        wording.seconds_between(found["CreationTime"], ended if over else visit.now),
        _counts(steps, lines),
        tuple(
            replace(
                lines[one.name],
                missed=visit.link(why=one.name) if one.caches and not lines[one.name].cached else "",
                again=_again(arn, name, one.name, steps, given) if status in REUSED else None,
            )
            if one.name in lines
            else StepLine(one.name, one.type, "NotStarted", None, None, 0, "", "", "")
            for one in steps
        ),
        tuple((one["Name"], one["Value"]) for one in given),
        _acts(arn, name, own, found),
        _miss(visit, own, lines),
        visit.why("pipeline-execution", own, live=not over),
        charts.graph(nodes, edges_of(steps), f"Steps of the execution, {len(nodes)}"),
        _lanes(lines, found["CreationTime"], ended if over else visit.now),
    )


def _miss(visit: Visit, execution: str, lines: Mapping[str, StepLine]) -> CacheMissView | None:
    step = visit.query.get("why", "")
    if step not in lines:
        return None
    reason, before, paths = visit.client.readings.cache_miss(execution, step)
    return CacheMissView(step, reason, before, paths) if reason else None


def _again(
    arn: str, pipeline: str, first: str, steps: Sequence[Step], given: Sequence[Mapping[str, str]]
) -> Button | None:
    """Starts an execution of a step and all those after it; the other steps' results are taken from this one."""
    chosen = following(steps, first)
    if len(chosen) > MOST_SELECTED:
        return None
    request: dict[str, Any] = {
        "PipelineName": pipeline,
        "SelectiveExecutionConfig": {
            "SourcePipelineExecutionArn": arn,
            "SelectedSteps": [{"StepName": one} for one in chosen],
        },
    }
    if given:
        request["PipelineParameters"] = [{"Name": one["Name"], "Value": one["Value"]} for one in given]
    call = OperationCall("sagemaker", "StartPipelineExecution", request)
    return Button("From here", call, f"Started {pipeline} from {first}", back=f"/studio/pipelines/{pipeline}")


def _line(one: Mapping[str, Any], now: datetime) -> StepLine:
    kind, link = resource_of(one.get("Metadata", {}))
    cached = one.get("CacheHitResult", {}).get("SourcePipelineExecutionArn", "").rpartition("/")[2]
    end = one.get("EndTime") or (now if one["StepStatus"] in ("Executing", "Starting", "Stopping") else None)
    return StepLine(
        one["StepName"],
        kind or "Step",
        one["StepStatus"],
        one.get("StartTime"),
        wording.seconds_between(one.get("StartTime"), end),
        one.get("AttemptCount", 0),
        one.get("FailureReason", ""),
        link,
        cached,
    )


def _node(step: Step, line: StepLine | None, *, over: bool) -> GraphNode:
    if line is None:
        return GraphNode(step.name, "did not run" if over else "waits", "idle" if over else "wait", icon_of(step.type))
    word = (
        "kept from before"
        if line.cached
        else f"{wording.status_word(line.status)} {wording.duration(line.seconds) if line.seconds else ''}"
    )
    return GraphNode(step.name, word, wording.look(line.status), icon_of(step.type), line.link)


def _counts(steps: Sequence[Step], lines: Mapping[str, StepLine]) -> str:
    looks = [wording.look(line.status) for line in lines.values()]
    parts = [
        (looks.count("ok"), "done"),
        (looks.count("fail"), "failed"),
        (looks.count("run"), "run"),
        (len(steps) - len(lines), "not started"),
    ]
    return ", ".join(f"{number} {word}" for number, word in parts if number > 0) or "none"


def _lanes(lines: Mapping[str, StepLine], begin: datetime, end: datetime) -> Markup:
    """Draws each step's time below the one before."""
    whole = max((end - begin).total_seconds(), 1.0)
    items = []
    for line in lines.values():
        if line.started is None:
            continue
        at = (line.started - begin).total_seconds()
        seconds = line.seconds or 0.0
        words = f"{line.name}: {wording.status_word(line.status)}, {wording.duration(seconds)}"
        items.append(
            (
                line.name,
                [LaneSpan(at, at + seconds, wording.bar(line.status), words, wording.duration(seconds))],
            )
        )
    ticks = [(whole * part / 4, wording.duration(whole * part / 4)) for part in range(5)]
    return charts.lanes(items, (0, whole), ticks, "Steps in time") if items else Markup("")


def _acts(arn: str, name: str, own: str, found: Mapping[str, Any]) -> tuple[Button, ...]:
    back, status = f"/studio/pipelines/{name}/{own}", found["PipelineExecutionStatus"]
    token = f"studio-{own}-{status}-{int(found['LastModifiedTime'].timestamp())}".ljust(32, "0")
    request = {"PipelineExecutionArn": arn, "ClientRequestToken": token}
    if status in ("Executing", "Stopping"):
        off = "" if status == "Executing" else "It is stopping"
        call = OperationCall("sagemaker", "StopPipelineExecution", request)
        return (Button("Stop", call, "Stopping the execution", "harm", back=back, off=off),)
    if status in ("Failed", "Stopped"):
        call = OperationCall("sagemaker", "RetryPipelineExecution", request)
        return (Button("Retry", call, "Retrying: steps that succeeded are kept", "main", back=back),)
    return ()
