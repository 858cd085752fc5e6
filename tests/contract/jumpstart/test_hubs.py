"""Private hubs by boto3: contents with versions, references to the public hub, pages, downloads, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

PUBLIC = "SageMakerPublicHub"
TC = "sagewright-tc-minilm-l6"
TC_ARN = f"arn:aws:sagemaker:us-east-1:aws:hub-content/{PUBLIC}/Model/{TC}"
DOCUMENT = json.dumps({"Url": "https://example.com", "ModelTypes": ["OPEN_WEIGHTS"]})


class OwnHub:
    """A hub and its contents."""

    def __init__(self, client: Any, name: str) -> None:
        self.client, self.name = client, name

    def imported(self, name: str, **members: Any) -> str:
        given = {"DocumentSchemaVersion": "2.3.0", "HubContentDocument": DOCUMENT, "HubContentType": "Model"} | members
        made: str = self.client.import_hub_content(HubName=self.name, HubContentName=name, **given)["HubContentArn"]
        return made

    def contents(self, kind: str = "Model", **request: Any) -> list[tuple[str, str]]:
        found = self.client.list_hub_contents(HubName=self.name, HubContentType=kind, **request)["HubContentSummaries"]
        return [(each["HubContentName"], each["HubContentVersion"]) for each in found]


@pytest.fixture
def hub(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[OwnHub]:
    client = server.boto("sagemaker")
    name = request.node.name.replace("_", "-")[:60].rstrip("-")
    client.create_hub(
        HubName=name, HubDescription="ours", HubSearchKeywords=["one"], Tags=[{"Key": "team", "Value": "a"}]
    )
    yield OwnHub(client, name)


def refused(call: Any, code: str, text: str) -> None:
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["Error"]["Code"] == code
    assert text in error.value.response["Error"]["Message"]


def test_a_hub_is_made_changed_and_deleted(hub: OwnHub) -> None:
    client, name = hub.client, hub.name
    found = client.describe_hub(HubName=name)
    assert (found["HubStatus"], found["HubDescription"], found["HubSearchKeywords"]) == ("InService", "ours", ["one"])
    assert client.list_tags(ResourceArn=found["HubArn"])["Tags"] == [{"Key": "team", "Value": "a"}]
    client.update_hub(HubName=found["HubArn"], HubDisplayName="Ours")
    changed = client.describe_hub(HubName=found["HubArn"])
    assert (changed["HubDisplayName"], changed["HubDescription"]) == ("Ours", "ours")
    assert name in [each["HubName"] for each in client.list_hubs(NameContains=name[:20])["HubSummaries"]]
    refused(lambda: client.create_hub(HubName=name, HubDescription=""), "ResourceInUse", f"hub/{name}")
    hub.imported("kept")
    refused(lambda: client.delete_hub(HubName=name), "ResourceInUse", "still has contents")
    client.delete_hub_content(HubName=name, HubContentType="Model", HubContentName="kept", HubContentVersion="1.0.0")
    client.delete_hub(HubName=name)
    refused(lambda: client.describe_hub(HubName=name), "ResourceNotFound", f"hub/{name}")


def test_contents_have_versions_in_their_order(hub: OwnHub) -> None:
    arns = [hub.imported("model", HubContentVersion=version) for version in ("1.9.0", "1.10.0", "1.2.3")]
    assert arns[0].endswith(f"hub-content/{hub.name}/Model/model/1.9.0")
    assert hub.imported("model").endswith("/1.11.0")
    assert hub.contents() == [("model", "1.11.0")]
    one = {"HubName": hub.name, "HubContentType": "Model", "HubContentName": "model"}
    listed = hub.client.list_hub_content_versions(**one, SortOrder="Descending", MaxResults=3)
    assert [each["HubContentVersion"] for each in listed["HubContentSummaries"]] == ["1.11.0", "1.10.0", "1.9.0"]
    rest = hub.client.list_hub_content_versions(
        **one, SortOrder="Descending", MaxResults=3, NextToken=listed["NextToken"]
    )
    assert [each["HubContentVersion"] for each in rest["HubContentSummaries"]] == ["1.2.3"]
    hub.client.update_hub_content(
        **one, HubContentVersion="1.2.3", HubContentDescription="old", SupportStatus="Deprecated"
    )
    found = hub.client.describe_hub_content(**one, HubContentVersion="1.2.3")
    assert (found["HubContentDescription"], found["SupportStatus"]) == ("old", "Deprecated")
    assert json.loads(found["HubContentDocument"]) == json.loads(DOCUMENT)
    hub.client.delete_hub_content(**one, HubContentVersion="1.11.0")
    assert hub.client.describe_hub_content(**one)["HubContentVersion"] == "1.10.0"
    refused(lambda: hub.imported("model", HubContentVersion="1.9.0"), "ResourceInUse", "Model/model/1.9.0")
    refused(lambda: hub.imported("other", HubContentVersion="1x0.0"), "ValidationException", "1x0.0")
    refused(lambda: hub.client.list_hub_content_versions(**one, MinVersion="1.0x0"), "ValidationException", "1.0x0")
    refused(lambda: hub.imported("other", HubContentDocument="[1]"), "ValidationException", "JSON object, got list")
    refused(
        lambda: hub.imported("other", HubContentDocument="{"), "ValidationException", "HubContentDocument is not JSON"
    )
    assert hub.contents("Notebook") == []
    hub.imported("later", DocumentSchemaVersion="2.10.0")
    assert [name for name, _ in hub.contents(MaxSchemaVersion="2.9.0")] == ["model"]
    late = {"HubName": hub.name, "HubContentType": "Model", "HubContentName": "later"}
    assert hub.client.list_hub_content_versions(**late, MaxSchemaVersion="2.9.0")["HubContentSummaries"] == []
    assert hub.client.describe_hub_content(**late)["DocumentSchemaVersion"] == "2.10.0"


def test_lists_are_filtered_and_paged(hub: OwnHub) -> None:
    for name in ("alpha", "beta", "Alphabet", "hub_".strip("_")):
        hub.imported(name)
    assert [name for name, _ in hub.contents(NameContains="ALPHA", SortBy="HubContentName")] == ["Alphabet", "alpha"]
    assert hub.contents(NameContains=hub.name) == []
    first = hub.client.list_hub_contents(HubName=hub.name, HubContentType="Model", MaxResults=3)
    rest = hub.client.list_hub_contents(HubName=hub.name, HubContentType="Model", NextToken=first["NextToken"])
    names = [each["HubContentName"] for page in (first, rest) for each in page["HubContentSummaries"]]
    assert sorted(names) == ["Alphabet", "alpha", "beta", "hub"]


def test_references_follow_the_public_hub(hub: OwnHub) -> None:
    client = hub.client
    made = client.create_hub_content_reference(
        HubName=hub.name, SageMakerPublicHubContentArn=TC_ARN, MinVersion="1.0.0"
    )
    assert made["HubContentArn"].endswith(f"hub-content/{hub.name}/ModelReference/{TC}/1.0.0")
    one = {"HubName": hub.name, "HubContentType": "ModelReference", "HubContentName": TC}
    found = client.describe_hub_content(**one)
    assert (found["SageMakerPublicHubContentArn"], found["ReferenceMinVersion"]) == (TC_ARN, "1.0.0")
    assert json.loads(found["HubContentDocument"])["Task"] == "tc"
    assert hub.contents("ModelReference") == [(TC, "1.0.0")]
    urls = client.create_hub_content_presigned_urls(**one)["AuthorizedUrlConfigs"]
    manifest = next(each["Url"] for each in urls if each["LocalPath"] == "sagewright-model.json")
    assert json.loads(urlopen(manifest).read())["id"] == TC
    client.update_hub_content_reference(**one, MinVersion="1.0.0")
    with_least = {
        "HubName": hub.name,
        "SageMakerPublicHubContentArn": TC_ARN,
        "HubContentName": "second",
        "MinVersion": "9.0.0",
    }
    refused(
        lambda: client.create_hub_content_reference(**with_least),
        "ValidationException",
        "MinVersion 9.0.0 is above 1.0.0",
    )
    missing = TC_ARN.replace(TC, "nothing")
    refused(
        lambda: client.create_hub_content_reference(HubName=hub.name, SageMakerPublicHubContentArn=missing),
        "ResourceNotFound",
        "Model/nothing",
    )
    client.delete_hub_content_reference(**one)
    refused(lambda: client.describe_hub_content(**one), "ResourceNotFound", TC)


def test_the_public_hub_is_read_alone(server: RunningServer) -> None:
    client = server.boto("sagemaker")
    assert client.describe_hub(HubName=PUBLIC)["HubArn"] == f"arn:aws:sagemaker:us-east-1:aws:hub/{PUBLIC}"
    found = client.list_hub_contents(HubName=PUBLIC, HubContentType="Model", NameContains="minilm")[
        "HubContentSummaries"
    ]
    assert any("@state:here" in each["HubContentSearchKeywords"] for each in found)
    gated = {"HubName": PUBLIC, "HubContentType": "Model", "HubContentName": "meta-textgeneration-llama-2-7b"}
    refused(lambda: client.create_hub_content_presigned_urls(**gated), "ValidationException", "set AcceptEula")
    accepted = {"AccessConfig": {"AcceptEula": True}}
    refused(
        lambda: client.create_hub_content_presigned_urls(**gated, **accepted),
        "ValidationException",
        "sagewright models add",
    )
    refused(lambda: client.create_hub(HubName=PUBLIC, HubDescription=""), "ValidationException", "AWS's own")
    refused(lambda: client.delete_hub(HubName=PUBLIC), "ValidationException", "cannot be changed")
    refused(
        lambda: client.describe_hub(HubName="arn:aws:sagemaker:us-east-1:111111111111:hub/theirs"),
        "ResourceNotFound",
        "theirs",
    )
