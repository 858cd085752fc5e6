"""Lineage: the sources and results of a resource, as a graph and as a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from sagewright.model.errors import ResourceNotFound
from sagewright.studio import charts, wording
from sagewright.studio.charts import GraphNode
from sagewright.studio.visit import Visit, page
from sagewright.studio.wrangling.saved import flow_name

DEPTH = 10
MOST = 200
ICONS = {"Artifact": "bucket", "Action": "process", "TrialComponent": "train", "Context": "registry"}
ENTITIES = ("experiment", "experiment-trial-component", "artifact", "action", "context")
LISTS = (
    ("ListArtifacts", "ArtifactSummaries", "ArtifactArn"),
    ("ListActions", "ActionSummaries", "ActionArn"),
    ("ListContexts", "ContextSummaries", "ContextArn"),
)
PAGES = {
    "training-job": "/studio/jobs/",
    "processing-job": "/studio/processing/",
    "transform-job": "/studio/transform/",
    "endpoint": "/studio/endpoints/",
    "model": "/studio/model/",
    "model-package": "/studio/models/",
    "experiment-trial-component": "/studio/components/",
    "pipeline": "/studio/pipelines/",
}


@dataclass(frozen=True)
class LineageThing:
    arn: str
    name: str
    kind: str
    link: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class LineageView:
    arn: str
    things: tuple[LineageThing, ...]
    more: bool
    drawing: Markup = field(repr=False, default=Markup(""))


@page("/lineage", "lineage.html", "models", ("lineage", "artifact", "action", "context"))
def lineage(visit: Visit) -> LineageView:
    """The graph around an ARN, in both directions."""
    arn = visit.query.get("arn", "")
    starts = entities(visit, arn)
    answers = [
        visit.client.sagemaker(
            "QueryLineage", StartArns=[one], Direction="Both", IncludeEdges=True, MaxDepth=DEPTH, MaxResults=50
        )
        for one in starts
    ]
    edges = list(
        dict.fromkeys((one["SourceArn"], one["DestinationArn"]) for found in answers for one in found.get("Edges", []))
    )[:MOST]
    kinds = {
        one["Arn"]: (one.get("Type", ""), one.get("LineageType", ""))
        for found in answers
        for one in found.get("Vertices", [])
    }
    arns = list(dict.fromkeys([*starts, *kinds, *(end for edge in edges for end in edge)]))[:MOST]
    names = {one: _described(visit, one, kinds.get(one, ("", ""))[1]) for one in arns}
    things = tuple(
        LineageThing(
            one,
            names[one][0],
            kinds.get(one, ("", ""))[0] or kinds.get(one, ("", ""))[1],
            names[one][1],
            tuple(names[source][0] for source, end in edges if end == one and source in names),
        )
        for one in arns
    )
    nodes = {
        one.arn: GraphNode(
            one.name,
            one.kind,
            "ok",
            ICONS.get(kinds.get(one.arn, ("", ""))[1], "pipeline"),
            one.link,
            current=one.arn in starts,
        )
        for one in things
    }
    return LineageView(
        arn,
        things,
        any(found.get("NextToken") for found in answers),
        charts.graph(nodes, edges, f"Lineage of {wording.name_of(arn)}, {len(nodes)} things"),
    )


def entities(visit: Visit, arn: str) -> list[str]:
    """Returns the entities of lineage that stand for a resource: its trial component, artifact, action or context."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind in ENTITIES:
        return [arn]
    if kind in ("training-job", "processing-job", "transform-job"):
        return [f"{arn.rpartition(':')[0]}:experiment-trial-component/{name}-aws-{kind}"]
    found = []
    for operation, member, key in LISTS:
        listed, _ = visit.client.attempt("sagemaker", operation, SourceUri=arn, MaxResults=3)
        found += [one[key] for one in listed.get(member, [])]
    if not found:
        raise ResourceNotFound(f"Lineage has no data on {arn} yet.")
    return found


def _described(visit: Visit, arn: str, kind: str) -> tuple[str, str]:
    """Returns a resource's name and page: an artifact is named by its source."""
    if kind == "Artifact":
        found: dict[str, Any]
        found, _ = visit.client.attempt("sagemaker", "DescribeArtifact", ArtifactArn=arn)
        source = (found.get("Source") or {}).get("SourceUri", "")
        if source.startswith("s3://"):
            flow = flow_name(source)
            link = f"/studio/wrangler/{flow}" if flow else f"/studio/buckets/{source[5:]}"
            return found.get("ArtifactName") or source.rstrip("/").rpartition("/")[2], link
        if source.startswith("arn:"):
            return wording.name_of(source), page_of(source)
        return found.get("ArtifactName") or source.rpartition("/")[2] or wording.name_of(arn), ""
    return wording.name_of(arn), page_of(arn)


def page_of(arn: str) -> str:
    """Returns the page of a resource's ARN, "" without one."""
    kind, _, name = arn.rpartition(":")[2].partition("/") if arn.count(":") >= 5 else ("", "", "")
    path = PAGES.get(kind, "")
    return f"{path}{name}" if path and name else ""
