"""Jobs that read or wrote an object, by their lineage: an artifact is the object itself, or a folder above it."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.studio import wording
from sagewright.studio.visit import Visit

MOST_FOLDERS = 8
MOST_USERS = 20
_PAGES = {
    "training-job": "/studio/jobs/",
    "processing-job": "/studio/processing/",
    "transform-job": "/studio/transform/",
}
_KINDS = {"training-job": "Training job", "processing-job": "Processing job", "transform-job": "Transform job"}


@dataclass(frozen=True)
class ObjectUser:
    """`verb`: reads or writes."""

    verb: str
    kind: str
    name: str
    link: str


def used_by(visit: Visit, bucket: str, key: str) -> tuple[ObjectUser, ...]:
    """Returns the newest jobs around an object; none if the caller may not see lineage."""
    found: dict[tuple[str, str], ObjectUser] = {}
    for uri in addresses(bucket, key):
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
