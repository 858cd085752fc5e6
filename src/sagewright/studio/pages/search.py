"""Search over everything: by name, ARN, hyperparameter, metric or tag."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.model.errors import AwsError
from sagewright.studio import wording
from sagewright.studio.navigation import NAVIGATION
from sagewright.studio.pages.develop.jobs import condition
from sagewright.studio.visit import Visit, page

EACH = 6


@dataclass(frozen=True)
class SearchHit:
    icon: str
    name: str
    link: str
    said: str


@dataclass(frozen=True)
class Found:
    q: str
    groups: tuple[tuple[str, tuple[SearchHit, ...]], ...]


@dataclass(frozen=True)
class Searchable:
    """A resource of Search. `member`, `name`: where a result has its name."""

    resource: str
    member: str
    name: str
    status: str
    icon: str
    title: str
    path: str


RESOURCES = (
    Searchable(
        "TrainingJob", "TrainingJob", "TrainingJobName", "TrainingJobStatus", "train", "Training jobs", "/studio/jobs/"
    ),
    Searchable(
        "HyperParameterTuningJob",
        "HyperParameterTuningJob",
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobStatus",
        "tune",
        "Tuning jobs",
        "/studio/tuning/",
    ),
    Searchable("Pipeline", "Pipeline", "PipelineName", "PipelineStatus", "pipeline", "Pipelines", "/studio/pipelines/"),
    Searchable(
        "ModelPackageGroup",
        "ModelPackageGroup",
        "ModelPackageGroupName",
        "",
        "registry",
        "Model groups",
        "/studio/models/",
    ),
    Searchable("Endpoint", "Endpoint", "EndpointName", "EndpointStatus", "endpoint", "Endpoints", "/studio/endpoints/"),
    Searchable("Experiment", "Experiment", "ExperimentName", "", "compare", "Experiments", "/studio/experiments/"),
    Searchable(
        "ExperimentTrialComponent", "TrialComponent", "TrialComponentName", "", "compare", "Runs", "/studio/components/"
    ),
)


@page("/search", "search.html", "home")
def search(visit: Visit) -> Found:
    q = visit.query.get("q", "").strip()
    if not q:
        return Found("", ())
    arn_name = wording.name_of(q) if q.startswith("arn:") else ""
    groups = []
    if hits := _places(q):
        groups.append(("Go to", hits))
    for one in RESOURCES:
        if hits := _hits(visit, one, q, arn_name):
            groups.append((one.title, hits))
    for title, icon, operation, member, name, path in (
        (
            "Processing jobs",
            "process",
            "ListProcessingJobs",
            "ProcessingJobSummaries",
            "ProcessingJobName",
            "/studio/processing/",
        ),
        (
            "Transform jobs",
            "process",
            "ListTransformJobs",
            "TransformJobSummaries",
            "TransformJobName",
            "/studio/transform/",
        ),
    ):
        found, _ = visit.client.attempt("sagemaker", operation, NameContains=(arn_name or q)[:63], MaxResults=EACH)
        hits = tuple(SearchHit(icon, each[name], path + each[name], "") for each in found.get(member, []))
        if hits:
            groups.append((title, hits))
    return Found(q, tuple(groups))


def _places(q: str) -> tuple[SearchHit, ...]:
    return tuple(
        SearchHit(one.icon, one.name, one.path, f"g {one.key}")
        for one in NAVIGATION
        if one.id and q.lower() in one.name.lower()
    )


def _hits(visit: Visit, one: Searchable, q: str, arn_name: str) -> tuple[SearchHit, ...]:
    asked = condition(q)
    if asked and one.resource != "TrainingJob":
        return ()
    filters = [asked or {"Name": one.name, "Operator": "Contains", "Value": arn_name or q}]
    try:
        found = visit.client.sagemaker(
            "Search", Resource=one.resource, MaxResults=EACH, SearchExpression={"Filters": filters}
        )
    except AwsError:
        return ()
    hits = []
    for each in found["Results"]:
        record = each[one.member]
        status = wording.status_word(record.get(one.status, "")) if one.status else ""
        hits.append(
            SearchHit(one.icon, record.get("DisplayName") or record[one.name], one.path + record[one.name], status)
        )
    return tuple(hits)
