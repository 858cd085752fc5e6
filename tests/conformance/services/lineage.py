"""SageMaker's lineage: artifacts, actions, contexts, what leads from one to another, and what is asked of it."""

from __future__ import annotations

from typing import Any

from services.check import check
from services.target import Target, fresh, refused

GONE = ("ResourceNotFound", 400)


def an_artifact(target: Target, uri: str = "", kind: str = "DataSet") -> str:
    source = {"SourceUri": uri or f"s3://check/{fresh()}"}
    arn: str = target.boto("sagemaker").create_artifact(Source=source, ArtifactType=kind)["ArtifactArn"]
    return arn


def an_action(target: Target, **more: Any) -> str:
    wanted = {"ActionName": fresh(), "Source": {"SourceUri": "s3://check/source"}, "ActionType": "ModelDeployment"}
    arn: str = target.boto("sagemaker").create_action(**wanted, **more)["ActionArn"]
    return arn


def leads(target: Target, source: str, destination: str, kind: str = "ContributedTo") -> None:
    target.boto("sagemaker").add_association(SourceArn=source, DestinationArn=destination, AssociationType=kind)


@check
def an_artifact_is_found_by_its_source(target: Target) -> None:
    """API CreateArtifact; API ListArtifacts: SourceUri; API DescribeArtifact"""
    sagemaker, uri = target.boto("sagemaker"), f"s3://check/{fresh()}"
    arn = an_artifact(target, uri)
    (found,) = sagemaker.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
    described = sagemaker.describe_artifact(ArtifactArn=arn)
    assert (found["ArtifactArn"], described["Source"]["SourceUri"], described["ArtifactType"]) == (arn, uri, "DataSet")


@check
def an_artifact_that_is_not_there_is_not_found(target: Target) -> None:
    """API DescribeArtifact, API UpdateArtifact: ResourceNotFound"""
    sagemaker, arn = target.boto("sagemaker"), target.arn("sagemaker", f"artifact/{'0' * 32}")
    assert refused(sagemaker.describe_artifact, ArtifactArn=arn) == GONE
    assert refused(sagemaker.update_artifact, ArtifactArn=arn, ArtifactName="n") == GONE


@check
def an_artifact_is_deleted_by_arn_or_source_but_not_both(target: Target) -> None:
    """API DeleteArtifact: either ArtifactArn or Source must be specified"""
    sagemaker, arn = target.boto("sagemaker"), an_artifact(target)
    assert refused(sagemaker.delete_artifact) == ("ValidationException", 400)
    sagemaker.delete_artifact(ArtifactArn=arn)
    assert refused(sagemaker.describe_artifact, ArtifactArn=arn) == GONE


@check
def properties_are_changed_and_taken_away(target: Target) -> None:
    """API UpdateAction: Properties: overwrites the current property list; PropertiesToRemove, Status"""
    sagemaker = target.boto("sagemaker")
    name = an_action(target, Properties={"a": "1", "b": "2"}).rpartition("/")[2]
    sagemaker.update_action(ActionName=name, PropertiesToRemove=["a"], Status="Completed")
    described = sagemaker.describe_action(ActionName=name)
    assert (described["Properties"], described["Status"]) == ({"b": "2"}, "Completed")
    sagemaker.update_action(ActionName=name, Properties={"c": "3"})
    assert sagemaker.describe_action(ActionName=name)["Properties"] == {"c": "3"}


@check
def an_action_s_name_is_taken_once(target: Target) -> None:
    """API CreateAction: the name must be unique to your account in a Region"""
    name = fresh()
    wanted = {"ActionName": name, "Source": {"SourceUri": "s3://check/x"}, "ActionType": "t"}
    target.boto("sagemaker").create_action(**wanted)
    assert refused(target.boto("sagemaker").create_action, **wanted) == ("ValidationException", 400)


@check
def a_context_is_kept_with_its_type(target: Target) -> None:
    """API CreateContext; API ListContexts: ContextType; API DeleteContext"""
    sagemaker, name, kind = target.boto("sagemaker"), fresh(), fresh()
    arn = sagemaker.create_context(ContextName=name, Source={"SourceUri": "s3://check/x"}, ContextType=kind)[
        "ContextArn"
    ]
    assert [one["ContextArn"] for one in sagemaker.list_contexts(ContextType=kind)["ContextSummaries"]] == [arn]
    sagemaker.delete_context(ContextName=name)
    assert refused(sagemaker.describe_context, ContextName=name) == GONE


@check
def an_association_is_listed_from_both_ends(target: Target) -> None:
    """API AddAssociation; API ListAssociations: SourceArn, DestinationArn, AssociationType"""
    sagemaker, data, action = target.boto("sagemaker"), an_artifact(target), an_action(target)
    leads(target, data, action)
    for asked in ({"SourceArn": data}, {"DestinationArn": action}):
        (found,) = sagemaker.list_associations(**asked)["AssociationSummaries"]
        assert (found["SourceArn"], found["DestinationArn"], found["AssociationType"]) == (
            data,
            action,
            "ContributedTo",
        )


@check
def an_association_is_deleted(target: Target) -> None:
    """API DeleteAssociation; ResourceNotFound"""
    sagemaker, data, action = target.boto("sagemaker"), an_artifact(target), an_action(target)
    ends = {"SourceArn": data, "DestinationArn": action}
    leads(target, data, action)
    sagemaker.delete_association(**ends)
    assert sagemaker.list_associations(SourceArn=data)["AssociationSummaries"] == []
    assert refused(sagemaker.delete_association, **ends) == GONE


@check
def an_association_needs_both_its_ends(target: Target) -> None:
    """API AddAssociation: ResourceNotFound"""
    gone = target.arn("sagemaker", f"artifact/{'0' * 32}")
    wanted = {"SourceArn": an_artifact(target), "DestinationArn": gone}
    assert refused(target.boto("sagemaker").add_association, **wanted) == GONE


@check
def a_lineage_is_followed_upwards_and_down(target: Target) -> None:
    """API QueryLineage: Direction, IncludeEdges, MaxDepth; API Vertex, API Edge"""
    sagemaker = target.boto("sagemaker")
    data, action, model = an_artifact(target), an_action(target), an_artifact(target, kind="Model")
    leads(target, data, action)
    leads(target, action, model, "Produced")

    def found(start: str, **asked: Any) -> set[str]:
        described = sagemaker.query_lineage(StartArns=[start], IncludeEdges=True, **asked)
        return {vertex["Arn"] for vertex in described["Vertices"]}

    assert {data, action} <= found(model, Direction="Ascendants")
    assert {action, model} <= found(data, Direction="Descendants")
    assert model not in found(data, Direction="Descendants", MaxDepth=1)


@check
def a_lineage_is_filtered_by_type(target: Target) -> None:
    """API QueryLineage: Filters; API QueryFilters: LineageTypes"""
    sagemaker, data, action = target.boto("sagemaker"), an_artifact(target), an_action(target)
    leads(target, data, action)
    asked = {"StartArns": [data], "Direction": "Descendants", "Filters": {"LineageTypes": ["Action"]}}
    described = sagemaker.query_lineage(**asked)
    assert {vertex["Arn"] for vertex in described["Vertices"]} == {action}
