"""AWS Resource Groups by tags."""

from __future__ import annotations

import json

from services.check import check
from services.target import Target, fresh, refused

KIND = "AWS::SageMaker::ModelPackageGroup"


def query(key: str, *values: str) -> dict[str, str]:
    document = {"ResourceTypeFilters": [KIND], "TagFilters": [{"Key": key, "Values": list(values)}]}
    return {"Type": "TAG_FILTERS_1_0", "Query": json.dumps(document)}


@check
def a_groups_members_are_what_has_its_tags(target: Target) -> None:
    """API CreateGroup; API ListGroupResources; SDK Collection.add_model_groups"""
    groups, name = target.boto("resource-groups"), fresh()
    tags = [{"Key": name, "Value": "a"}]
    made = target.boto("sagemaker").create_model_package_group(ModelPackageGroupName=name, Tags=tags)
    described = groups.create_group(Name=name, ResourceQuery=query(name, "a"))
    assert described["Group"]["GroupArn"] == target.arn("resource-groups", f"group/{name}")
    found = groups.list_group_resources(Group=name)["ResourceIdentifiers"]
    assert found == [{"ResourceArn": made["ModelPackageGroupArn"], "ResourceType": KIND}]
    groups.delete_group(Group=name)


@check
def members_have_the_types_of_cloudformation(target: Target) -> None:
    """Recorded on AWS: localstack test_resource_groups::test_resource_groups_different_region"""
    groups, name = target.boto("resource-groups"), fresh()
    target.boto("sqs").create_queue(QueueName=name, tags={name: "a"})
    document = {"ResourceTypeFilters": ["AWS::SQS::Queue"], "TagFilters": [{"Key": name, "Values": ["a"]}]}
    asked = {"Type": "TAG_FILTERS_1_0", "Query": json.dumps(document)}
    found = groups.search_resources(ResourceQuery=asked)["ResourceIdentifiers"]
    assert found == [{"ResourceArn": target.arn("sqs", name), "ResourceType": "AWS::SQS::Queue"}]


@check
def a_name_twice_is_refused(target: Target) -> None:
    """API CreateGroup: BadRequestException; SDK Collection.create tests the text "group already exists\""""
    groups, name = target.boto("resource-groups"), fresh()
    groups.create_group(Name=name, ResourceQuery=query(name, "a"))
    assert refused(groups.create_group, Name=name, ResourceQuery=query(name, "a")) == ("BadRequestException", 400)
    groups.delete_group(Group=name)


@check
def a_group_that_is_not_there_is_not_found(target: Target) -> None:
    """API GetGroupQuery: NotFoundException; SDK Collection tests the code"""
    groups, name = target.boto("resource-groups"), fresh()
    for call in (groups.get_group, groups.get_group_query, groups.delete_group, groups.list_group_resources):
        assert refused(call, Group=name) == ("NotFoundException", 404)
