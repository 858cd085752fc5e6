"""Jobs that read or wrote an object, by their lineage, in which an artifact is the object itself or a folder above it; and models
with it as their data, by Search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sagewright.studio import wording
from sagewright.studio.visit import Visit

MOST_FOLDERS = 8
MOST_USERS = 20
MOST_ADDRESSES = 5
"""Addresses that models are searched by: a request has at most 20 filters."""
_MODEL_DATA = (
    "PrimaryContainer.ModelDataUrl",
    "PrimaryContainer.ModelDataSource.S3DataSource.S3Uri",
    "Containers.ModelDataUrl",
)
_VERSION_DATA = ("InferenceSpecification.Containers.ModelDataUrl",)
_PAGES = {
    "training-job": "/studio/jobs/",
    "processing-job": "/studio/processing/",
    "transform-job": "/studio/transform/",
}
_KINDS = {"training-job": "Training job", "processing-job": "Processing job", "transform-job": "Transform job"}


@dataclass(frozen=True)
class ObjectUser:
    """`verb`: reads, writes or serves."""

    verb: str
    kind: str
    name: str
    link: str


def used_by(visit: Visit, bucket: str, key: str) -> tuple[ObjectUser, ...]:
    """Returns the newest jobs around an object or a folder, and its models; none that the caller may not see."""
    uris = addresses(bucket, key)
    found = {("serves", one.link): one for one in _models(visit, uris[:MOST_ADDRESSES])}
    for uri in uris:
        listed, _ = visit.client.attempt("sagemaker", "ListArtifacts", SourceUri=uri, MaxResults=5)
        for artifact in listed.get("ArtifactSummaries", ()):
            for verb, near, far in (
                ("reads", "SourceArn", "DestinationArn"),
                ("writes", "DestinationArn", "SourceArn"),
            ):
                request = {near: artifact["ArtifactArn"], "MaxResults": MOST_USERS}
                answer, _ = visit.client.attempt("sagemaker", "ListAssociations", **request)
                for one in answer.get("AssociationSummaries", ()):
                    user = _user(verb, one[far])
                    if user is not None:
                        found.setdefault((verb, user.link), user)
    return tuple(found.values())[:MOST_USERS]


def _models(visit: Visit, uris: list[str]) -> list[ObjectUser]:
    """Returns models and versions of models whose data is at one of the addresses, the newest first."""
    found = []
    for resource, members in (("Model", _MODEL_DATA), ("ModelPackage", _VERSION_DATA)):
        filters = [{"Name": one, "Operator": "Equals", "Value": uri} for one in members for uri in uris]
        answer, _ = visit.client.attempt(
            "sagemaker", "Search", Resource=resource, MaxResults=MOST_USERS // 2, SortBy="CreationTime",
            SearchExpression={"Filters": filters, "Operator": "Or"},
        )  # fmt: skip
        for one in answer.get("Results", ()):
            found.append(_model(one["Model"]["Model"]) if resource == "Model" else _version(one["ModelPackage"]))
    return found


def _model(described: dict[str, Any]) -> ObjectUser:
    name = described["ModelName"]
    return ObjectUser("serves", "Model", name, f"/studio/search?{urlencode({'q': name})}")


def _version(described: dict[str, Any]) -> ObjectUser:
    name = described["ModelPackageArn"].partition("/")[2]
    return ObjectUser("serves", "Version of a model", name, f"/studio/models/{name}")


def addresses(bucket: str, key: str) -> list[str]:
    """Returns the URIs under which jobs may know an object: its own, and those of the folders above it, slash or not."""
    parts = key.split("/")
    folders = ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)][:MOST_FOLDERS]
    return [f"s3://{bucket}/{key}", *(f"s3://{bucket}/{one}{end}" for one in folders for end in ("/", ""))]


def _user(verb: str, arn: str) -> ObjectUser | None:
    """Returns the job of a trial component, whose name is the job's with its kind behind it."""
    name = wording.name_of(arn)
    for kind, path in _PAGES.items():
        ending = f"-aws-{kind}"
        if name.endswith(ending):
            own = name.removesuffix(ending)
            return ObjectUser(verb, _KINDS[kind], own, f"{path}{own}")
    return None
