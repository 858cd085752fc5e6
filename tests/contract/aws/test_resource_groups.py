"""Resource groups and the tagging API by boto3, and SDK v2's collections, which are made of them."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

MODEL_GROUP = "AWS::SageMaker::ModelPackageGroup"


def query(*types: str, **tags: list[str]) -> dict[str, str]:
    filters = [{"Key": key, "Values": values} for key, values in tags.items()]
    return {"Type": "TAG_FILTERS_1_0", "Query": json.dumps({"ResourceTypeFilters": types, "TagFilters": filters})}


def fault(call: Any, **request: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_collections_of_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(Path(__file__).parents[1] / "programs" / "collections_v2.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    lines = [line for line in done.stdout.splitlines() if ":" in line]
    for line in (
        "twice: Collection with the given name already exists",
        "added: ['collected-ranking', 'collected-search']",
        "root: ['all-models']",
        "inner: [('web', 'Collection')]",
        "members: ['collected-ranking', 'collected-search']",
        "moved: collected-search",
        "left: ['collected-ranking']",
        "full: Validation error: Collection not empty",
        "deleted: ['web', 'all-models']",
        "gone: Cannot find collection: web",
    ):
        assert line in lines, done.stdout


def test_members_are_what_has_the_tags(server: RunningServer) -> None:
    groups, sagemaker, word = server.boto("resource-groups"), server.boto("sagemaker"), uuid.uuid4().hex[:8]
    arns = []
    for number, team in enumerate(("a", "a", "b")):
        tags = [{"Key": "team", "Value": f"{word}-{team}"}, {"Key": word, "Value": str(number)}]
        made = sagemaker.create_model_package_group(ModelPackageGroupName=f"{word}-{number}", Tags=tags)
        arns.append(made["ModelPackageGroupArn"])
    sagemaker.create_experiment(ExperimentName=f"{word}-e", Tags=[{"Key": "team", "Value": f"{word}-a"}])
    made = groups.create_group(
        Name=word, Description="theirs", ResourceQuery=query(MODEL_GROUP, team=[f"{word}-a"]), Tags={"owner": word}
    )
    arn = made["Group"]["GroupArn"]
    assert arn == f"arn:aws:resource-groups:us-east-1:000000000000:group/{word}"
    assert groups.get_group(Group=arn)["Group"]["Description"] == "theirs"
    assert groups.get_tags(Arn=arn)["Tags"] == {"owner": word}
    found = groups.list_group_resources(Group=word)
    assert found["ResourceIdentifiers"] == [{"ResourceArn": one, "ResourceType": MODEL_GROUP} for one in arns[:2]]
    assert [one["Identifier"] for one in found["Resources"]] == found["ResourceIdentifiers"]
    pages = groups.get_paginator("list_group_resources").paginate(Group=word, PaginationConfig={"PageSize": 1})
    assert [one["ResourceArn"] for page in pages for one in page["ResourceIdentifiers"]] == arns[:2]
    groups.update_group_query(
        Group=word, ResourceQuery=query("AWS::AllSupported", **{"team": [f"{word}-a", f"{word}-b"], word: []})
    )
    assert [one["ResourceArn"] for one in groups.list_group_resources(Group=word)["ResourceIdentifiers"]] == arns
    only = [{"Name": "resource-type", "Values": ["AWS::SageMaker::Experiment"]}]
    assert groups.list_group_resources(Group=word, Filters=only)["ResourceIdentifiers"] == []
    experiment = query("AWS::SageMaker::Experiment", team=[f"{word}-a"])
    (one,) = groups.search_resources(ResourceQuery=experiment)["ResourceIdentifiers"]
    assert one["ResourceArn"].endswith(f":experiment/{word}-e")
    groups.tag(Arn=arn, Tags={"more": "1"})
    groups.untag(Arn=arn, Keys=["owner"])
    assert groups.get_tags(Arn=arn)["Tags"] == {"more": "1"}
    assert groups.update_group(Group=word, Description="ours")["Group"]["Description"] == "ours"
    assert word in [one["GroupName"] for one in groups.list_groups()["GroupIdentifiers"]]
    groups.delete_group(Group=word)
    assert fault(groups.get_group, Group=word) == ("NotFoundException", 404)


def test_queries_that_cannot_be(server: RunningServer) -> None:
    create = server.boto("resource-groups").create_group
    for text in ("no json", "[]", "{}", json.dumps({"ResourceTypeFilters": [1], "TagFilters": []}), "[" * 2000):
        asked = {"Type": "TAG_FILTERS_1_0", "Query": text}
        assert fault(create, Name="bad", ResourceQuery=asked) == ("BadRequestException", 400), text
    stack = {"Type": "CLOUDFORMATION_STACK_1_0", "Query": "{}"}
    assert fault(create, Name="bad", ResourceQuery=stack) == ("BadRequestException", 400)
    assert fault(create, Name="bad") == ("BadRequestException", 400)


def test_resources_by_their_tags(server: RunningServer) -> None:
    tagging, word = server.boto("resourcegroupstaggingapi"), f"k{uuid.uuid4().hex[:8]}"
    queue = server.boto("sqs").create_queue(QueueName=word)["QueueUrl"]
    server.boto("sqs").tag_queue(QueueUrl=queue, Tags={word: "q"})
    made = server.boto("sagemaker").create_model_package_group(
        ModelPackageGroupName=word, Tags=[{"Key": word, "Value": "m"}]
    )
    arn = made["ModelPackageGroupArn"]
    pages = tagging.get_paginator("get_resources").paginate(TagFilters=[{"Key": word}])
    found = {one["ResourceARN"]: one["Tags"] for page in pages for one in page["ResourceTagMappingList"]}
    assert found[arn] == [{"Key": word, "Value": "m"}]
    typed = tagging.get_resources(TagFilters=[{"Key": word}], ResourceTypeFilters=["sagemaker:model-package-group"])
    assert [one["ResourceARN"] for one in typed["ResourceTagMappingList"]] == [arn]
    assert typed["PaginationToken"] == ""
    (named,) = tagging.get_resources(ResourceARNList=[arn])["ResourceTagMappingList"]
    assert named["ResourceARN"] == arn
    assert word in tagging.get_tag_keys()["TagKeys"]
    assert "m" in tagging.get_tag_values(Key=word)["TagValues"]
    code = fault(tagging.get_resources, ResourceARNList=[arn], TagFilters=[{"Key": word}])
    assert code == ("InvalidParameterException", 400)
