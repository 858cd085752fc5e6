"""Training jobs: the list."""

from __future__ import annotations

from typing import Any

from sagewright.studio import tables, wording
from sagewright.studio.buttons import Button, Field
from sagewright.studio.operations import OperationCall
from sagewright.studio.tables import Chip, EmptyState, Listing, ListTab, Row, TableCell, TableColumn
from sagewright.studio.visit import Visit, page

STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")
FIXED = {
    "name": "TrainingJobName",
    "status": "TrainingJobStatus",
    "started": "CreationTime",
    "duration": "TrainingTimeInSeconds",
}
OPERATORS = {">": "GreaterThan", "<": "LessThan", "=": "Equals", "~": "Contains"}
MOST_METRICS, MOST_PARAMETERS = 3, 5
ARCHIVED = "sagewright-archived"
"""Key of the tag that takes a job out of the list."""
START = EmptyState(
    "No training job yet",
    "from sagemaker.image_uris import retrieve\nfrom sagemaker.estimator import Estimator\n\n"
    'Estimator(retrieve("xgboost", "us-east-1", "1.7-1"), role="SageMakerExecutionRole",\n'
    '          instance_count=1, instance_type="ml.m5.large",\n'
    '          hyperparameters={"num_round": 40}).fit({"train": "s3://BUCKET/train/"})',
)


@page("/jobs", "list.html", "jobs", ("training",))
def jobs(visit: Visit) -> Listing:
    """Jobs by any column: the index sorts and filters all of them by names, parameters, metrics and tags."""
    filters, chips = _filters(visit)
    sort, descending = _order(visit)
    first, after = tables.begin(visit)
    found = visit.client.sagemaker(
        "Search",
        Resource="TrainingJob",
        MaxResults=tables.ROWS,
        NextToken=after,
        SearchExpression={"Filters": filters} if filters else None,
        SortBy=sort[1],
        SortOrder="Descending" if descending else "Ascending",
    )
    records = [one["TrainingJob"] for one in found["Results"]]
    metrics, parameters, same = _columns(visit, records, sort[0])
    count = tables.counted(visit, "TrainingJob", {"Filters": filters}, found["TotalHits"])
    return Listing(
        "Training jobs",
        tuple(_heads(metrics, parameters)),
        tuple(_row(record, metrics, parameters) for record in records),
        START,
        total=_total(count, found["TotalHits"]),
        more=tables.following(visit, found.get("NextToken"), first, len(records)),
        first=first,
        count=count,
        chips=chips,
        views=_views(visit),
        choices=(tables.status_choice(visit, STATUSES),),
        same=same,
        acts=(*ACTS, _tag(visit), _archive(visit)),
        compare="/studio/compare",
        hint="Name, max_depth=3, auc>0.9, tag…",
        q=visit.query.get("q", ""),
        sorted_by=(sort[0], descending),
        new=("New job", "/studio/jobs/new"),
    )


ACTS = (
    Button(
        "Stop",
        OperationCall("sagemaker", "StopTrainingJob", {}),
        "Stopping {n}",
        "",
        each="TrainingJobName",
        back="/studio/jobs",
    ),
    Button(
        "Delete…",
        OperationCall("sagemaker", "DeleteTrainingJob", {}),
        "Deleted {n}",
        "harm",
        each="TrainingJobName",
        confirm="The chosen jobs, their metrics and their logs are deleted. Objects in S3 stay.",
        back="/studio/jobs",
    ),
)


def _tag(visit: Visit) -> Button:
    """Adds a tag to the chosen jobs."""
    arns = f"arn:aws:sagemaker:{visit.place.region}:{visit.place.account}:training-job/"
    return Button(
        "Tag…",
        OperationCall("sagemaker", "AddTags", {}),
        "Tagged {n}",
        fields=(Field("Tags[].Key", "Key"), Field("Tags[].Value", "Value")),
        each=f"ResourceArn={arns}",
        back=visit.link(),
    )


def _archive(visit: Visit) -> Button:
    """Takes the chosen jobs out of the list, or back into it, by a tag."""
    arns = f"arn:aws:sagemaker:{visit.place.region}:{visit.place.account}:training-job/"
    if "archived" in visit.query:
        call = OperationCall("sagemaker", "DeleteTags", {"TagKeys": [ARCHIVED]})
        return Button("Bring back", call, "Brought back {n}", each=f"ResourceArn={arns}", back=visit.link())
    call = OperationCall("sagemaker", "AddTags", {"Tags": [{"Key": ARCHIVED, "Value": "yes"}]})
    return Button("Archive", call, "Archived {n}", each=f"ResourceArn={arns}", key="e", back=visit.link())


def condition(text: str) -> dict[str, str] | None:
    """Reads `max_depth=3`, `validation:auc>0.9` or `tag~team` as a filter of Search; None for anything else."""
    for sign, operator in OPERATORS.items():
        name, found, value = text.partition(sign)
        name, value = name.strip(), value.strip()
        if found and name and value:
            return {"Name": _property(name, sign), "Operator": operator, "Value": value}
    return None


def _property(name: str, sign: str) -> str:
    """Returns Search's name of a property: its own, a metric's where it has a colon or is compared, otherwise a parameter's."""
    if "." in name or name in FIXED.values() or name[:1].isupper():
        return name
    return f"Metrics.{name}" if ":" in name or sign in "<>" else f"HyperParameters.{name}"


def _filters(visit: Visit) -> tuple[list[dict[str, str]], tuple[Chip, ...]]:
    filters, chips = [], []
    for text in visit.values("q") + visit.values("f"):
        if not text.strip():
            continue
        for part in text.split(",") if condition(text) else [text]:
            one = condition(part) or {"Name": "TrainingJobName", "Operator": "Contains", "Value": part.strip()}
            filters.append(one)
        which = "q" if text in visit.values("q") else "f"
        chips.append(Chip("" if condition(text) else "Name contains", text, visit.without(which, text)))
    if visit.query.get("status") in STATUSES:
        filters.append({"Name": "TrainingJobStatus", "Operator": "Equals", "Value": visit.query["status"]})
        chips.append(Chip("Status", visit.query["status"], visit.link(status=None)))
    if "archived" in visit.query:
        filters.append({"Name": f"Tags.{ARCHIVED}", "Operator": "Exists"})
        chips.append(Chip("", "archived", visit.link(archived=None)))
    elif _any_archived(visit):
        filters.append({"Name": f"Tags.{ARCHIVED}", "Operator": "NotExists"})
    return filters, tuple(chips)


def _any_archived(visit: Visit) -> bool:
    """Returns True if any job is archived: with 100,000 jobs, a condition on the tag costs the list 0.1 s."""
    tagged = {"Filters": [{"Name": f"Tags.{ARCHIVED}", "Operator": "Exists"}]}
    return bool(
        visit.client.aside("sagemaker", "Search", Resource="TrainingJob", MaxResults=1, SearchExpression=tagged)[
            "Results"
        ]
    )


def _order(visit: Visit) -> tuple[tuple[str, str], bool]:
    """Returns the page's name of the order, Search's SortBy, and whether it is descending."""
    asked = visit.query.get("sort", "-started")
    name = asked.removeprefix("-")
    if name in FIXED:
        return (name, FIXED[name]), asked.startswith("-")
    if name.startswith(("m.", "h.")):
        return (name, f"{'Metrics' if name[0] == 'm' else 'HyperParameters'}.{name[2:]}"), asked.startswith("-")
    return ("started", "CreationTime"), True


def _columns(
    visit: Visit, records: list[dict[str, Any]], sort: str
) -> tuple[list[str], list[str], tuple[tuple[str, str], ...]]:
    """Chooses the metrics and the parameters that differ, unless the URL does; those that are the same in all are shown once."""
    metrics = visit.values("metric") or _frequent(
        [
            metric["MetricName"]
            for record in records
            for metric in record.get("FinalMetricDataList", [])
            if metric["MetricName"] != "ObjectiveMetric"
        ],
        MOST_METRICS,
    )
    values: dict[str, dict[str, int]] = {}
    for record in records:
        for name, value in record.get("HyperParameters", {}).items():
            values.setdefault(name, {})[value] = values.setdefault(name, {}).get(value, 0) + 1
    complete = {name for name, found in values.items() if sum(found.values()) == len(records)}
    same = {name: next(iter(values[name])) for name in complete if len(values[name]) == 1 and len(records) > 1}
    differing = [name for name in _by_use(values) if name not in same and not name.startswith(("sagemaker_", "_"))]
    parameters = visit.values("parameter") or differing[:MOST_PARAMETERS]
    for prefix, chosen in (("m.", metrics), ("h.", parameters)):
        if sort.startswith(prefix) and sort[2:] not in chosen:
            chosen.insert(0, sort[2:])
    shown = tuple(
        (name, value[:40]) for name, value in sorted(same.items()) if not name.startswith(("sagemaker_", "_"))
    )
    return metrics, parameters, shown[:8]


def _by_use(values: dict[str, dict[str, int]]) -> list[str]:
    return sorted(values, key=lambda name: (-sum(values[name].values()), name))


def _frequent(names: list[str], most: int) -> list[str]:
    counted: dict[str, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    return sorted(counted, key=lambda name: (-counted[name], not name.startswith("validation"), name))[:most]


def _heads(metrics: list[str], parameters: list[str]) -> list[TableColumn]:
    return [
        TableColumn("Name", "name", "name"),
        TableColumn("Status", "status", "status"),
        *(TableColumn(name, "number", f"m.{name}", 0 if at == 0 else 2) for at, name in enumerate(metrics)),
        *(TableColumn(name, "number", f"h.{name}", 2) for name in parameters),
        TableColumn("Instance", "text", "", 3),
        TableColumn("Duration", "duration", "duration", 2),
        TableColumn("Started", "time", "started"),
        TableColumn("Made by", "text", "", 3),
    ]


def _row(record: dict[str, Any], metrics: list[str], parameters: list[str]) -> Row:
    name = record["TrainingJobName"]
    final = {metric["MetricName"]: metric["Value"] for metric in record.get("FinalMetricDataList", [])}
    given = record.get("HyperParameters", {})
    resources = record.get("ResourceConfig", {})
    count = resources.get("InstanceCount", 1)
    kind = resources.get("InstanceType", "").removeprefix("ml.")
    maker = record.get("TuningJobArn", "")
    return Row(
        name,
        (
            tables.name(name, f"/studio/jobs/{name}"),
            tables.status(record["TrainingJobStatus"]),
            *(TableCell(final.get(metric), "number", look="" if at else "f-num") for at, metric in enumerate(metrics)),
            *(tables.parameter(given.get(parameter)) for parameter in parameters),
            tables.text(f"{kind} × {count}" if count > 1 else kind, look="soft"),
            tables.seconds(duration_of(record)),
            tables.time(record.get("CreationTime")),
            tables.text(
                wording.name_of(maker), f"/studio/tuning/{wording.name_of(maker)}" if maker else "", "soft cut3"
            ),
        ),
    )


def duration_of(record: dict[str, Any]) -> float | None:
    return wording.seconds_between(
        record.get("TrainingStartTime") or record.get("CreationTime"), record.get("TrainingEndTime")
    )


def _total(count: int, hits: dict[str, Any]) -> str:
    return f"{count:,}" if count or hits["Relation"] == "EqualTo" else f"{hits['Value']:,}+"


def _views(visit: Visit) -> tuple[ListTab, ...]:
    current, archived = visit.query.get("status", ""), "archived" in visit.query
    views = (("All", ""), ("Running", "InProgress"), ("Failed", "Failed"), ("Completed", "Completed"))
    tabs = [
        ListTab(label, visit.link(status=status or None, archived=None), current == status and not archived)
        for label, status in views
    ]
    return (*tabs, ListTab("Archived", visit.link(status=None, archived="1"), archived))
