"""The registry: groups, versions with their metrics, a version with its origin and its approval."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagewright.studio import tables, wording
from sagewright.studio.buttons import Button, Field
from sagewright.studio.differences import changed_lines
from sagewright.studio.operations import OperationCall
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page

START = EmptyState(
    "No model is registered yet",
    'estimator.register(content_types=["text/csv"], response_types=["text/csv"],\n'
    '                   inference_instances=["ml.m5.large"], transform_instances=["ml.m5.large"],\n'
    '                   model_package_group_name="churn", approval_status="PendingManualApproval")',
)
KINDS = ("model-package", "model-package-group", "package")
MOST_VERSIONS = 100


@page("/models", "list.html", "models", KINDS)
def groups(visit: Visit) -> Listing:
    source = ListSource(
        "ListModelPackageGroups", "ModelPackageGroupSummaryList", {"name": "Name", "made": "CreationTime"}, "-made"
    )
    read = tables.read(visit, source)
    columns = (
        TableColumn("Group", "name", "name"),
        TableColumn("Description", "text", "", 3),
        TableColumn("Latest", "text", "", 1),
        TableColumn("Status of latest", "status"),
        TableColumn("Created", "time", "made"),
    )
    rows = []
    for one in read.rows:
        name = one["ModelPackageGroupName"]
        newest = visit.client.aside(
            "sagemaker",
            "ListModelPackages",
            ModelPackageGroupName=name,
            MaxResults=1,
            SortBy="CreationTime",
            SortOrder="Descending",
        )["ModelPackageSummaryList"]
        latest = newest[0] if newest else {}
        rows.append(
            Row(
                name,
                (
                    tables.name(name, f"/studio/models/{name}"),
                    tables.text(one.get("ModelPackageGroupDescription", ""), look="soft cut2"),
                    tables.text(f"version {latest['ModelPackageVersion']}" if latest else ""),
                    tables.status(latest.get("ModelApprovalStatus", "")),
                    tables.time(one["CreationTime"]),
                ),
            )
        )
    return Listing(
        "Models",
        columns,
        tuple(rows),
        START,
        crumb="Ship",
        **read.position,
        chips=read.chips,
        q=visit.query.get("q", ""),
        sorted_by=read.sorted_by,
    )


@dataclass(frozen=True)
class VersionLine:
    number: int
    status: str
    made: datetime
    description: str
    metrics: dict[str, float]


@dataclass(frozen=True)
class Against:
    """A metric of a version compared with the approved one's; `look`: up or down where the direction is known."""

    name: str
    before: float | None
    now: float | None
    difference: str
    look: str


@dataclass(frozen=True)
class ApprovalDecision:
    """A change of a version: when, by whom, to which approval, with which note."""

    at: datetime
    by: str
    status: str
    note: str


@dataclass(frozen=True)
class VersionView:
    group: str
    number: int
    arn: str
    status: str
    note: str
    description: str
    made: datetime
    by: str
    job: str
    containers: tuple[tuple[str, str], ...]
    properties: tuple[tuple[str, str], ...]
    against: tuple[Against, ...]
    approved: int
    difference: str
    stages: tuple[tuple[str, str, str], ...]
    acts: tuple[Button, ...]
    versions: tuple[VersionLine, ...] = ()
    audit: tuple[ApprovalDecision, ...] = ()


@dataclass(frozen=True)
class GroupView:
    name: str
    description: str
    versions: tuple[VersionLine, ...]
    metrics: tuple[str, ...]
    chosen: VersionView | None


@page("/models/{group}", "group.html", "models", KINDS)
def group(visit: Visit) -> GroupView:
    """Versions of a group; the newest pending one, or the newest, is shown next to them."""
    name = visit.path["group"]
    found = visit.client.sagemaker("DescribeModelPackageGroup", ModelPackageGroupName=name)
    versions = _versions(visit, name)
    waiting = next(
        (one for one in versions if one.status == "PendingManualApproval"), versions[0] if versions else None
    )
    metrics = tuple(dict.fromkeys(key for one in versions for key in one.metrics))[:4]
    chosen = _version(visit, name, waiting.number, versions) if waiting else None
    return GroupView(name, found.get("ModelPackageGroupDescription", ""), versions, metrics, chosen)


@page("/models/{group}/{number}", "version.html", "models", KINDS)
def version(visit: Visit) -> VersionView:
    name, number = visit.path["group"], visit.path["number"]
    versions = _versions(visit, name)
    return _version(visit, name, int(number) if number.isdecimal() else 0, versions)


def _versions(visit: Visit, name: str) -> tuple[VersionLine, ...]:
    listed = visit.client.sagemaker(
        "ListModelPackages",
        ModelPackageGroupName=name,
        MaxResults=MOST_VERSIONS,
        SortBy="CreationTime",
        SortOrder="Descending",
    )["ModelPackageSummaryList"]
    lines = []
    for one in listed:
        described = visit.client.aside("sagemaker", "DescribeModelPackage", ModelPackageName=one["ModelPackageArn"])
        lines.append(
            VersionLine(
                one["ModelPackageVersion"],
                one["ModelApprovalStatus"],
                one["CreationTime"],
                one.get("ModelPackageDescription", ""),
                metrics_of(visit, described),
            )
        )
    return tuple(lines)


def metrics_of(visit: Visit, package: Mapping[str, Any]) -> dict[str, float]:
    """Returns a version's numbers: those of its CustomerMetadataProperties, and the final metrics of its training job."""
    found: dict[str, float] = {}
    for key, value in package.get("CustomerMetadataProperties", {}).items():
        try:
            found[key] = float(value)
        except ValueError:
            continue
    if job := job_of(package):
        described, _ = visit.client.attempt("sagemaker", "DescribeTrainingJob", TrainingJobName=job)
        found |= {
            one["MetricName"]: float(one["Value"])
            for one in described.get("FinalMetricDataList", [])
            if one["MetricName"] != "ObjectiveMetric" and "baseline" not in one["MetricName"]
        }
    return found


def job_of(package: Mapping[str, Any]) -> str:
    """Returns the training job whose artefact a version serves, by the place of the artefact."""
    for container in package.get("InferenceSpecification", {}).get("Containers", []):
        parts = container.get("ModelDataUrl", "").split("/")
        if len(parts) > 3 and parts[-2] == "output" and parts[-1] == "model.tar.gz":
            return str(parts[-3])
    return ""


def _version(visit: Visit, name: str, number: int, versions: Sequence[VersionLine]) -> VersionView:
    arn = f"arn:aws:sagemaker:{visit.place.region}:{visit.place.account}:model-package/{name}/{number}"
    found = visit.client.sagemaker("DescribeModelPackage", ModelPackageName=arn)
    approved = next((one for one in versions if one.status == "Approved" and one.number != number), None)
    own = next((one.metrics for one in versions if one.number == number), {})
    containers = tuple(
        (one.get("ModelDataUrl", ""), one["Image"].rpartition("/")[2])
        for one in found.get("InferenceSpecification", {}).get("Containers", [])
    )
    before = (
        {}
        if approved is None
        else visit.client.aside(
            "sagemaker", "DescribeModelPackage", ModelPackageName=arn.rpartition("/")[0] + f"/{approved.number}"
        )
    )
    maker = found.get("CreatedBy", {})
    return VersionView(
        name,
        number,
        arn,
        found["ModelApprovalStatus"],
        found.get("ApprovalDescription", ""),
        found.get("ModelPackageDescription", ""),
        found["CreationTime"],
        maker.get("UserProfileName") or wording.name_of((maker.get("IamIdentity") or {}).get("Arn", "")),
        job_of(found),
        containers,
        tuple(sorted(found.get("CustomerMetadataProperties", {}).items())),
        _against(own, approved.metrics if approved else {}),
        approved.number if approved else 0,
        difference(before, found) if before else "",
        _stages(found, name),
        _buttons(arn, name, number, found["ModelApprovalStatus"]),
        tuple(versions),
        _audit(visit, name, number),
    )


def _audit(visit: Visit, name: str, number: int) -> tuple[ApprovalDecision, ...]:
    found = visit.client.readings.approvals(name, number)
    return tuple(
        ApprovalDecision(datetime.fromtimestamp(at / 1000, UTC), wording.name_of(by), status, note)
        for at, by, status, note in reversed(found)
    )


def _against(own: Mapping[str, float], before: Mapping[str, float]) -> tuple[Against, ...]:
    lines = []
    for name in dict.fromkeys([*own, *before]):
        now, then = own.get(name), before.get(name)
        change = None if now is None or then is None else now - then
        falls = wording.falls(name)
        look = "" if not change else "up" if (change < 0) == falls else "down"
        lines.append(Against(name, then, now, "" if change is None else wording.delta(change), look))
    return tuple(lines)


LEFT_OUT = {"CreationTime", "LastModifiedTime", "ModelPackageArn", "ModelPackageVersion", "CreatedBy", "LastModifiedBy"}


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Returns the lines in which two descriptions differ."""
    before, after = (
        json.dumps(
            {key: value for key, value in found.items() if key not in LEFT_OUT}, indent=1, default=str, sort_keys=True
        )
        for found in (one, other)
    )
    return changed_lines(before, after)


def _stages(found: Mapping[str, Any], name: str) -> tuple[tuple[str, str, str], ...]:
    """Returns where the version comes from: kind, name, URL."""
    stages = []
    if job := job_of(found):
        stages.append(("Training job", job, f"/studio/jobs/{job}"))
    for container in found.get("InferenceSpecification", {}).get("Containers", []):
        if url := container.get("ModelDataUrl"):
            stages.append(("Artefact", url.rpartition("/")[2], f"/studio/buckets/{url.removeprefix('s3://')}"))
    stages.append(("Version", f"{name}, version {found.get('ModelPackageVersion', '')}", ""))
    return tuple(stages)


def _buttons(arn: str, name: str, number: int, status: str) -> tuple[Button, ...]:
    note = (Field("ApprovalDescription", "Note, kept with the decision", "", 3),)
    back = f"/studio/models/{name}"

    def judge(verdict: str) -> OperationCall:
        return OperationCall(
            "sagemaker", "UpdateModelPackage", {"ModelPackageArn": arn, "ModelApprovalStatus": verdict}
        )

    version = f"{name}, version {number}"
    approve = Button(
        "Approve…",
        judge("Approved"),
        f"Approved {version}",
        "main",
        "s-ok",
        note,
        back=back,
        off="It is approved" if status == "Approved" else "",
    )
    reject = Button(
        "Reject…",
        judge("Rejected"),
        f"Rejected {version}",
        "harm",
        "",
        note,
        back=back,
        off="It is rejected" if status == "Rejected" else "",
    )
    return approve, reject


@dataclass(frozen=True)
class ModelView:
    name: str
    made: datetime
    role: str
    containers: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    acts: tuple[Button, ...]


@page("/model/{name}", "model.html", "models", ("model",))
def model(visit: Visit) -> ModelView:
    """A model as endpoints and transform jobs use it."""
    name = visit.path["name"]
    found = visit.client.sagemaker("DescribeModel", ModelName=name)
    containers = found.get("Containers") or [found["PrimaryContainer"]]
    delete = OperationCall("sagemaker", "DeleteModel", {"ModelName": name})
    return ModelView(
        name,
        found["CreationTime"],
        found.get("ExecutionRoleArn", ""),
        tuple(
            (one.get("Image", ""), one.get("ModelDataUrl", ""), tuple(sorted(one.get("Environment", {}).items())))
            for one in containers
        ),
        (
            Button(
                "Delete…",
                delete,
                f"Deleted {name}",
                "harm",
                confirm=f"The model {name} is deleted; its artefact stays.",
                back="/studio/models",
            ),
        ),
    )
