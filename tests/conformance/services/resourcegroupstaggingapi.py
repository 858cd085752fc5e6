"""Resources by their tags."""

from __future__ import annotations

from services.check import check
from services.target import Target, fresh, refused


@check
def resources_are_found_by_tags_and_type(target: Target) -> None:
    """API GetResources: TagFilters, ResourceTypeFilters; SDK Collection.list_collection"""
    tagging, name = target.boto("resourcegroupstaggingapi"), fresh()
    tags = [{"Key": name, "Value": "a"}]
    made = target.boto("sagemaker").create_model_package_group(ModelPackageGroupName=name, Tags=tags)
    for types in (["sagemaker:model-package-group"], ["sagemaker"], []):
        asked = {"TagFilters": [{"Key": name, "Values": ["a"]}]} | ({"ResourceTypeFilters": types} if types else {})
        (found,) = tagging.get_resources(**asked)["ResourceTagMappingList"]
        assert (found["ResourceARN"], found["Tags"]) == (made["ModelPackageGroupArn"], tags)
    assert tagging.get_resources(TagFilters=[{"Key": name, "Values": ["b"]}])["ResourceTagMappingList"] == []


@check
def a_filter_by_tags_needs_a_key(target: Target) -> None:
    """API GetResources: TagFilters: each TagFilter must contain a key; InvalidParameterException"""
    ask = target.boto("resourcegroupstaggingapi").get_resources
    assert refused(ask, TagFilters=[{"Values": ["x"]}]) == ("InvalidParameterException", 400)
