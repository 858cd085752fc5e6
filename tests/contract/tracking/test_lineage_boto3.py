"""Artifacts, actions, contexts, associations and queries of lineage, driven by boto3."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.pipelines import Pipelines, step

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:sagemaker:us-east-1:000000000000:"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.fixture(scope="module")
def sagemaker(server: RunningServer) -> Any:
    return server.boto("sagemaker")


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def artifact(sagemaker: Any, kind: str = "DataSet", uri: str = "", **more: Any) -> str:
    source = {"SourceUri": uri or f"s3://bucket/{uuid.uuid4().hex}"}
    arn: str = sagemaker.create_artifact(Source=source, ArtifactType=kind, **more)["ArtifactArn"]
    return arn


def action(sagemaker: Any, kind: str = "ModelDeployment", **more: Any) -> str:
    name = f"Action-{uuid.uuid4().hex[:8]}"
    source = {"SourceUri": f"s3://bucket/{name}"}
    arn: str = sagemaker.create_action(ActionName=name, Source=source, ActionType=kind, **more)["ActionArn"]
    return arn


def context(sagemaker: Any, kind: str = "Endpoint", **more: Any) -> str:
    name = f"Context_{uuid.uuid4().hex[:8]}"
    source = {"SourceUri": f"s3://bucket/{name}"}
    arn: str = sagemaker.create_context(ContextName=name, Source=source, ContextType=kind, **more)["ContextArn"]
    return arn


def link(sagemaker: Any, *arns: str, kind: str = "ContributedTo") -> None:
    for source, destination in pairwise(arns):
        sagemaker.add_association(SourceArn=source, DestinationArn=destination, AssociationType=kind)


def listed(sagemaker: Any, **request: Any) -> list[tuple[str, str]]:
    found = sagemaker.list_associations(**request)["AssociationSummaries"]
    return [(one["SourceArn"], one["DestinationArn"]) for one in found]


def vertices(sagemaker: Any, start: str, **request: Any) -> list[str]:
    found = sagemaker.query_lineage(StartArns=[start], **request)["Vertices"]
    return [one["Arn"] for one in found]


def test_an_artifacts_life(sagemaker: Any) -> None:
    source = {"SourceUri": "s3://bucket/life.csv", "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "1"}]}
    request = {
        "ArtifactName": "life",
        "Source": source,
        "ArtifactType": "DataSet",
        "Properties": {"a": "1", "b": "2"},
        "MetadataProperties": {"CommitId": "c"},
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    arn = sagemaker.create_artifact(**request)["ArtifactArn"]
    assert arn.startswith(f"{ARN}artifact/")
    described = sagemaker.describe_artifact(ArtifactArn=arn)
    for name in ("ArtifactName", "Source", "ArtifactType", "Properties", "MetadataProperties"):
        assert described[name] == request[name]
    assert described["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:")
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == request["Tags"]
    sagemaker.update_artifact(ArtifactArn=arn, Properties={"b": "3", "c": "4"}, PropertiesToRemove=["c"])
    described = sagemaker.describe_artifact(ArtifactArn=arn)
    assert described["Properties"] == {"b": "3"}
    assert described["LastModifiedTime"] >= described["CreationTime"]
    sagemaker.update_artifact(ArtifactArn=arn, ArtifactName="renamed")
    assert sagemaker.describe_artifact(ArtifactArn=arn)["ArtifactName"] == "renamed"
    assert sagemaker.delete_artifact(Source=source)["ArtifactArn"] == arn
    assert fault(sagemaker.describe_artifact, ArtifactArn=arn)[0] == "ResourceNotFound"
    assert fault(sagemaker.update_artifact, ArtifactArn=arn)[0] == "ResourceNotFound"
    assert fault(sagemaker.delete_artifact, ArtifactArn=arn)[0] == "ResourceNotFound"
    assert fault(sagemaker.delete_artifact)[0] == "ValidationException"


def test_there_is_one_artifact_for_each_source(sagemaker: Any) -> None:
    first = artifact(sagemaker, "DataSet", "s3://bucket/same", ArtifactName="first")
    assert artifact(sagemaker, "Model", "s3://bucket/same", ArtifactName="second") == first
    described = sagemaker.describe_artifact(ArtifactArn=first)
    assert (described["ArtifactName"], described["ArtifactType"]) == ("first", "DataSet")
    versions = [
        sagemaker.create_artifact(
            Source={"SourceUri": "s3://bucket/same", "SourceTypes": [{"SourceIdType": "S3ETag", "Value": etag}]},
            ArtifactType="DataSet",
        )["ArtifactArn"]
        for etag in ("1", "2", "1")
    ]
    assert versions[0] == versions[2]
    assert len({first, *versions}) == 3
    found = sagemaker.list_artifacts(SourceUri="s3://bucket/same")["ArtifactSummaries"]
    assert {one["ArtifactArn"] for one in found} == {first, *versions}


def test_an_actions_life(sagemaker: Any) -> None:
    source = {"SourceUri": "arn:x", "SourceType": "ARN", "SourceId": "1"}
    made = sagemaker.create_action(
        ActionName="Deploy-It", Source=source, ActionType="ModelDeployment", Status="InProgress", Description="d"
    )
    assert made["ActionArn"] == f"{ARN}action/deploy-it"
    code, message = fault(sagemaker.create_action, ActionName="deploy-IT", Source=source, ActionType="x")
    assert code == "ValidationException"
    assert "already exists" in message
    sagemaker.update_action(ActionName="Deploy-It", Status="Completed", Properties={"a": "1"})
    described = sagemaker.describe_action(ActionName=made["ActionArn"])
    assert (described["ActionName"], described["Status"], described["Source"]) == ("Deploy-It", "Completed", source)
    assert (described["Description"], described["Properties"]) == ("d", {"a": "1"})
    (summary,) = sagemaker.list_actions(SourceUri="arn:x", ActionType="ModelDeployment")["ActionSummaries"]
    assert (summary["ActionName"], summary["Status"]) == ("Deploy-It", "Completed")
    assert sagemaker.list_actions(SourceUri="arn:x", ActionType="Other")["ActionSummaries"] == []
    sagemaker.add_tags(ResourceArn=made["ActionArn"], Tags=[{"Key": "k", "Value": "v"}])
    assert len(sagemaker.list_tags(ResourceArn=made["ActionArn"])["Tags"]) == 1
    sagemaker.delete_action(ActionName="deploy-it")
    assert fault(sagemaker.describe_action, ActionName="Deploy-It")[0] == "ResourceNotFound"


def test_contexts_and_their_lists(sagemaker: Any) -> None:
    for name in ("Pages_c", "Pages_a", "Pages_b"):
        sagemaker.create_context(ContextName=name, Source={"SourceUri": "pages"}, ContextType=f"T-{name}")
    pages = sagemaker.get_paginator("list_contexts").paginate(
        SourceUri="pages", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 1}
    )
    assert [one["ContextName"] for page in pages for one in page["ContextSummaries"]] == [
        "Pages_a",
        "Pages_b",
        "Pages_c",
    ]
    (found,) = sagemaker.list_contexts(ContextType="T-Pages_b")["ContextSummaries"]
    assert found["ContextArn"] == f"{ARN}context/pages_b"
    later = datetime.now(UTC) + timedelta(hours=1)
    assert sagemaker.list_contexts(SourceUri="pages", CreatedAfter=later)["ContextSummaries"] == []
    assert len(sagemaker.list_contexts(SourceUri="pages", CreatedBefore=later)["ContextSummaries"]) == 3
    elsewhere = "arn:aws:sagemaker:eu-west-1:000000000000:context/pages_a"
    assert fault(sagemaker.describe_context, ContextName=elsewhere)[0] == "ResourceNotFound"


def test_associations(sagemaker: Any) -> None:
    data, model = artifact(sagemaker, ArtifactName="the-data"), artifact(sagemaker, "Model")
    deployment, endpoint = action(sagemaker), context(sagemaker)
    sagemaker.create_trial_component(TrialComponentName="Associated-Part")
    part = f"{ARN}experiment-trial-component/associated-part"
    link(sagemaker, data, part)
    link(sagemaker, part, model, kind="Produced")
    link(sagemaker, model, deployment)
    sagemaker.add_association(SourceArn=deployment, DestinationArn=endpoint)
    (one,) = sagemaker.list_associations(SourceArn=data)["AssociationSummaries"]
    assert (one["SourceType"], one["SourceName"], one["DestinationName"]) == ("DataSet", "the-data", "Associated-Part")
    assert one["AssociationType"] == "ContributedTo"
    assert one["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:")
    assert "DestinationType" not in one
    assert listed(sagemaker, DestinationArn=endpoint) == [(deployment, endpoint)]
    assert "AssociationType" not in sagemaker.list_associations(DestinationArn=endpoint)["AssociationSummaries"][0]
    assert listed(sagemaker, SourceArn=model, DestinationType="ModelDeployment") == [(model, deployment)]
    assert listed(sagemaker, SourceArn=model, DestinationType="Action") == [(model, deployment)]
    assert listed(sagemaker, SourceArn=model, DestinationType="Context") == []
    assert listed(sagemaker, DestinationArn=model, SourceType="TrialComponent") == [(part, model)]
    assert listed(sagemaker, DestinationArn=model, AssociationType="Produced") == [(part, model)]
    assert listed(sagemaker, DestinationArn=model, AssociationType="SameAs") == []
    link(sagemaker, data, part, kind="DerivedFrom")
    (one,) = sagemaker.list_associations(SourceArn=data)["AssociationSummaries"]
    assert one["AssociationType"] == "DerivedFrom"
    code, message = fault(sagemaker.delete_artifact, ArtifactArn=model)
    assert code == "ValidationException"
    assert "associations" in message
    sagemaker.delete_association(SourceArn=model, DestinationArn=deployment)
    gone = fault(sagemaker.delete_association, SourceArn=model, DestinationArn=deployment)
    assert gone[0] == "ResourceNotFound"
    sagemaker.delete_trial_component(TrialComponentName="associated-part")  # and its associations
    assert listed(sagemaker, DestinationArn=model) == listed(sagemaker, SourceArn=data) == []
    sagemaker.delete_artifact(ArtifactArn=model)


def test_associations_of_what_is_not_there(sagemaker: Any) -> None:
    there = artifact(sagemaker)
    for arn in (f"{ARN}artifact/none", f"{ARN}experiment/none", f"{ARN}experiment-trial-component/none"):
        assert fault(sagemaker.add_association, SourceArn=there, DestinationArn=arn)[0] == "ResourceNotFound"
        assert fault(sagemaker.list_associations, SourceArn=arn)[0] == "ResourceNotFound"
        assert fault(sagemaker.query_lineage, StartArns=[arn])[0] == "ResourceNotFound"
    elsewhere = there.replace("us-east-1", "eu-west-1")
    assert fault(sagemaker.add_association, SourceArn=there, DestinationArn=elsewhere)[0] == "ValidationException"
    job = f"{ARN}training-job/x"
    assert fault(sagemaker.add_association, SourceArn=there, DestinationArn=job)[0] == "ValidationException"


def test_types_that_no_store_keeps(sagemaker: Any) -> None:
    source = {"SourceUri": "s3://bucket/nul"}
    for call, request in (
        (sagemaker.create_artifact, {"Source": source, "ArtifactType": "a\0"}),
        (sagemaker.create_context, {"ContextName": "nul", "Source": source, "ContextType": "a\0"}),
        (sagemaker.list_actions, {"ActionType": "a\0"}),
        (sagemaker.list_associations, {"SourceType": "a\0"}),
    ):
        assert fault(call, **request)[0] == "ValidationException"


def test_pages_of_associations_in_every_order(sagemaker: Any) -> None:
    hub = context(sagemaker)
    parts = sorted(artifact(sagemaker, f"T{number}") for number in range(5))
    for part in parts:
        link(sagemaker, part, hub)
    for order in ("Ascending", "Descending"):
        for sort in ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "CreationTime"):
            pages = sagemaker.get_paginator("list_associations").paginate(
                DestinationArn=hub, SortBy=sort, SortOrder=order, PaginationConfig={"PageSize": 2}
            )
            found = [one for page in pages for one in page["AssociationSummaries"]]
            assert sorted(one["SourceArn"] for one in found) == parts
            keys = [one[sort] for one in found]
            assert keys == sorted(keys, reverse=order == "Descending")


def test_a_query(sagemaker: Any) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    data, image = artifact(sagemaker, "DataSet", Properties={"team": "a"}), artifact(sagemaker, "Image")
    model, deployment, endpoint = artifact(sagemaker, "Model"), action(sagemaker), context(sagemaker)
    other = artifact(sagemaker, "DataSet")
    link(sagemaker, data, model, deployment, endpoint)
    link(sagemaker, image, model)
    link(sagemaker, other, deployment)
    found = sagemaker.query_lineage(StartArns=[model])
    assert {one["Arn"] for one in found["Vertices"]} == {data, image, model, deployment, endpoint}
    assert {"Arn": model, "Type": "Model", "LineageType": "Artifact"} in found["Vertices"]
    assert {"Arn": endpoint, "Type": "Endpoint", "LineageType": "Context"} in found["Vertices"]
    assert len(found["Edges"]) == 4
    assert {"SourceArn": data, "DestinationArn": model, "AssociationType": "ContributedTo"} in found["Edges"]
    assert sagemaker.query_lineage(StartArns=[model], IncludeEdges=False)["Edges"] == []
    assert vertices(sagemaker, model, Direction="Descendants") == [model, deployment, endpoint]
    assert set(vertices(sagemaker, endpoint, Direction="Ascendants", MaxDepth=2)) == {
        endpoint,
        deployment,
        model,
        other,
    }
    types = {"Types": ["DataSet", "Image"], "LineageTypes": ["Artifact"]}
    assert set(vertices(sagemaker, endpoint, Filters=types)) == {data, image, other}
    assert vertices(sagemaker, endpoint, Filters={"Properties": {"team": "a"}}) == [data]
    assert vertices(sagemaker, endpoint, Filters={"Properties": {"team": "b"}}) == []
    assert len(vertices(sagemaker, endpoint, Filters={"CreatedAfter": before})) == 6
    assert vertices(sagemaker, endpoint, Filters={"ModifiedBefore": before}) == []
    edges = sagemaker.query_lineage(StartArns=[model], Filters={"LineageTypes": ["Artifact"]})["Edges"]
    assert {(one["SourceArn"], one["DestinationArn"]) for one in edges} == {(data, model), (image, model)}


def test_pages_of_a_query_have_each_vertex_and_edge_once(sagemaker: Any) -> None:
    hub = context(sagemaker)
    parts = [artifact(sagemaker) for _ in range(7)]
    for part in parts:
        link(sagemaker, part, hub)
    link(sagemaker, *parts[:3])
    found: list[str] = []
    edges: list[tuple[str, str]] = []
    token: dict[str, str] = {}
    while True:
        page = sagemaker.query_lineage(StartArns=[hub], MaxResults=3, **token)
        assert len(page["Vertices"]) <= 3
        found += [one["Arn"] for one in page["Vertices"]]
        edges += [(one["SourceArn"], one["DestinationArn"]) for one in page["Edges"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sorted(found) == sorted([hub, *parts])
    assert len(edges) == len(set(edges)) == 9
    assert fault(sagemaker.query_lineage, StartArns=[hub], NextToken="x")[0] == "ValidationException"


def test_a_query_ends_in_cycles_and_at_its_depth(sagemaker: Any) -> None:
    ring = [artifact(sagemaker) for _ in range(4)]
    link(sagemaker, *ring, ring[0])
    link(sagemaker, ring[0], ring[0])
    found = sagemaker.query_lineage(StartArns=[ring[0]])
    assert sorted(one["Arn"] for one in found["Vertices"]) == sorted(ring)
    assert len(found["Edges"]) == 5
    chain = [artifact(sagemaker) for _ in range(14)]
    link(sagemaker, *chain)
    assert vertices(sagemaker, chain[0]) == chain[:11]
    assert vertices(sagemaker, chain[0], MaxDepth=1) == chain[:2]
    for wrong in ({"MaxDepth": 0}, {"MaxDepth": 11}, {"MaxResults": 0}):
        assert fault(sagemaker.query_lineage, StartArns=[chain[0]], **wrong)[0] == "ValidationException"
    assert fault(sagemaker.query_lineage)[0] == "ValidationException"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"Actions": [{"ActionName": "only"}]}, "Value null at 'source'"),
        ({"Entities": []}, "Unknown Argument member 'Entities'"),
        ({"Actions": "x"}, "Actions of a Lineage step must be a list"),
        ({"Associations": [{"Source": {"Name": "x", "Type": "Action"}}]}, "Action 'x', is not of this step"),
        (
            {"Associations": [{"Source": {"Arn": f"{ARN}action/none"}, "Destination": {"Arn": f"{ARN}action/none"}}]},
            "does not exist",
        ),
        ({"Associations": [{}] * 51}, "at most 50"),
    ],
)
def test_a_lineage_step_that_cannot_be(server: RunningServer, arguments: Any, reason: str) -> None:
    pipes = Pipelines(server)
    name = pipes.create(f"lineage-{uuid.uuid4().hex[:8]}", step("record", "Lineage", arguments))
    arn = pipes.run(name)["PipelineExecutionArn"]
    described = pipes.steps(arn)["record"]
    assert described["StepStatus"] == "Failed"
    assert reason in described["FailureReason"]
