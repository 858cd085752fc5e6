"""Domains, user profiles and spaces by boto3: what is kept, what is refused, and in which order they go."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.contract.apps.lab import Studio

from sagewright.cli.notebooks.spaces import Spaces

OTHER_ROLE = "arn:aws:iam::000000000000:role/Notebooks"


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


@pytest.fixture
def domain(studio: Studio) -> Any:
    """The id of a domain of the test's own, which is deleted after it."""
    created = studio.client.create_domain(
        DomainName=f"team-{uuid.uuid4().hex[:8]}",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": OTHER_ROLE},
        DefaultSpaceSettings={"ExecutionRole": OTHER_ROLE},
        Tags=[{"Key": "team", "Value": "blue"}],
        AppNetworkAccessType="VpcOnly",
        SubnetIds=["subnet-1"],
        VpcId="vpc-1",
    )
    yield created["DomainArn"].rpartition("/")[2]
    for space in studio.client.list_spaces(DomainIdEquals=created["DomainArn"].rpartition("/")[2], MaxResults=100)[
        "Spaces"
    ]:
        studio.client.delete_space(DomainId=space["DomainId"], SpaceName=space["SpaceName"])


def test_a_domain_keeps_what_it_was_created_with(studio: Studio, domain: str) -> None:
    described = studio.client.describe_domain(DomainId=domain)
    assert described["Status"] == "InService"
    assert described["DefaultUserSettings"] == {"ExecutionRole": OTHER_ROLE}
    assert (described["SubnetIds"], described["VpcId"], described["AppNetworkAccessType"]) == (
        ["subnet-1"],
        "vpc-1",
        "VpcOnly",
    )
    assert described["HomeEfsFileSystemId"].startswith("fs-")
    assert studio.client.list_tags(ResourceArn=described["DomainArn"])["Tags"] == [{"Key": "team", "Value": "blue"}]
    idle = {"AppLifecycleManagement": {"IdleSettings": {"LifecycleManagement": "ENABLED", "IdleTimeoutInMinutes": 90}}}
    studio.client.update_domain(DomainId=domain, DefaultUserSettings={"JupyterLabAppSettings": idle})
    changed = studio.client.describe_domain(DomainId=domain)["DefaultUserSettings"]
    assert changed == {"ExecutionRole": OTHER_ROLE, "JupyterLabAppSettings": idle}
    assert {domain, studio.domain} <= {one["DomainId"] for one in studio.client.list_domains(MaxResults=100)["Domains"]}
    code, message = refused(
        studio.client.create_domain, DomainName=described["DomainName"], AuthMode="IAM", DefaultUserSettings={}
    )
    assert (code, described["DomainName"] in message) == ("ResourceInUse", True)


def test_the_command_takes_the_servers_own_domain(studio: Studio, domain: str) -> None:
    assert studio.domain != domain
    assert Spaces(studio.client).domain == studio.domain


def test_what_a_domain_can_t_be(studio: Studio) -> None:
    code, message = refused(studio.client.create_domain, DomainName="sso", AuthMode="SSO", DefaultUserSettings={})
    assert (code, "IAM Identity Center" in message) == ("ValidationException", True)
    idle = {"IdleSettings": {"IdleTimeoutInMinutes": 70, "MinIdleTimeoutInMinutes": 80}}
    code, message = refused(
        studio.client.create_domain,
        DomainName="idle",
        AuthMode="IAM",
        DefaultUserSettings={"JupyterLabAppSettings": {"AppLifecycleManagement": idle}},
    )
    assert (code, "70" in message, "80" in message) == ("ValidationException", True, True)
    nowhere = f"arn:aws:sagemaker:us-east-1:000000000000:studio-lifecycle-config/{uuid.uuid4().hex}"
    code, message = refused(
        studio.client.create_domain,
        DomainName="scripts",
        AuthMode="IAM",
        DefaultUserSettings={"JupyterLabAppSettings": {"LifecycleConfigArns": [nowhere]}},
    )
    assert (code, nowhere in message) == ("ValidationException", True)
    assert refused(studio.client.describe_domain, DomainId="d-nowhere00000")[0] == "ResourceNotFound"
    assert refused(studio.client.delete_domain, DomainId=studio.domain)[0] == "ResourceInUse"
    assert (
        refused(studio.client.delete_user_profile, DomainId=studio.domain, UserProfileName="default")[0]
        == "ResourceInUse"
    )


def test_they_go_in_order(studio: Studio, domain: str) -> None:
    client = studio.client
    client.create_user_profile(DomainId=domain, UserProfileName="Ada")
    client.create_space(
        DomainId=domain,
        SpaceName="Engine",
        OwnershipSettings={"OwnerUserProfileName": "ada"},
        SpaceSharingSettings={"SharingType": "Private"},
    )
    code, message = refused(client.delete_domain, DomainId=domain)
    assert (code, "UserProfile(s)" in message, "Space(s)" in message) == ("ResourceInUse", True, True)
    code, message = refused(client.delete_user_profile, DomainId=domain, UserProfileName="ADA")
    assert (code, "Space(s) are associated" in message) == ("ResourceInUse", True)
    client.delete_space(DomainId=domain, SpaceName="engine")
    gone(client.describe_space, DomainId=domain, SpaceName="Engine")
    client.delete_user_profile(DomainId=domain, UserProfileName="ada")
    gone(client.describe_user_profile, DomainId=domain, UserProfileName="Ada")
    client.delete_domain(DomainId=domain)
    gone(client.describe_domain, DomainId=domain)


def gone(call: Any, **request: Any) -> None:
    """Waits until there is no such thing; its engine removes it soon after it was deleted."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            assert call(**request)["Status"] == "Deleting"
        except ClientError as error:
            assert error.response["Error"]["Code"] in {"ResourceNotFound", "ValidationException"}
            return
        time.sleep(0.05)
    raise AssertionError(f"{request} is still there")


def test_names_count_without_their_case(studio: Studio, domain: str) -> None:
    client = studio.client
    arn = client.create_user_profile(DomainId=domain, UserProfileName="Grace", Tags=[{"Key": "a", "Value": "b"}])[
        "UserProfileArn"
    ]
    assert arn.endswith(f":user-profile/{domain}/grace")
    assert client.describe_user_profile(DomainId=domain, UserProfileName="GRACE")["UserProfileName"] == "Grace"
    assert refused(client.create_user_profile, DomainId=domain, UserProfileName="gRACE")[0] == "ResourceInUse"
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    client.update_user_profile(DomainId=domain, UserProfileName="grace", UserSettings={"ExecutionRole": OTHER_ROLE})
    found = client.describe_user_profile(DomainId=domain, UserProfileName="grace")
    assert found["UserSettings"] == {"ExecutionRole": OTHER_ROLE}
    client.delete_user_profile(DomainId=domain, UserProfileName="grace")


def test_lists_have_pages_filters_and_orders(studio: Studio, domain: str) -> None:
    client = studio.client
    for number in range(5):
        client.create_space(DomainId=domain, SpaceName=f"Space-{number}", SpaceDisplayName=f"No {number}")
    pages = client.get_paginator("list_spaces").paginate(DomainIdEquals=domain, PaginationConfig={"PageSize": 2})
    found = [one["SpaceName"] for page in pages for one in page["Spaces"]]
    assert found == [f"Space-{number}" for number in range(5)]
    some = client.list_spaces(DomainIdEquals=domain, SpaceNameContains="E-3")["Spaces"]
    assert [(one["SpaceName"], one["SpaceDisplayName"]) for one in some] == [("Space-3", "No 3")]
    last = client.list_spaces(DomainIdEquals=domain, SortOrder="Descending", SortBy="CreationTime", MaxResults=1)
    assert last["Spaces"][0]["SpaceName"] == "Space-4"
    assert (
        client.list_spaces(DomainIdEquals=domain, SpaceNameContains=domain[2:])["Spaces"] == []
    )  # part of the domain's id alone
    client.update_space(DomainId=domain, SpaceName="space-1", SpaceDisplayName="changed")
    last = client.list_spaces(DomainIdEquals=domain, SortOrder="Descending", SortBy="LastModifiedTime", MaxResults=1)
    assert last["Spaces"][0]["SpaceName"] == "Space-1"


def test_what_a_space_can_t_be(studio: Studio) -> None:
    create, own = studio.client.create_space, {"DomainId": studio.domain}
    assert refused(studio.client.describe_space, **own, SpaceName="nowhere") == (
        "ValidationException",
        "RecordNotFound",
    )
    code, message = refused(create, **own, SpaceName="a", OwnershipSettings={"OwnerUserProfileName": "default"})
    assert (code, "SpaceSharingSettings" in message) == ("ValidationException", True)
    private = {
        "SpaceSharingSettings": {"SharingType": "Private"},
        "OwnershipSettings": {"OwnerUserProfileName": "nobody"},
    }
    assert refused(create, **own, SpaceName="a", **private)[0] == "ResourceNotFound"
    for settings, named in (
        ({"AppType": "TensorBoard"}, "TensorBoard"),
        ({"RemoteAccess": "ENABLED"}, "RemoteAccess"),
        ({"CustomFileSystems": [{"EFSFileSystem": {"FileSystemId": "fs-12345678"}}]}, "CustomFileSystems"),
    ):
        code, message = refused(create, **own, SpaceName="a", SpaceSettings=settings)
        assert (code, named in message) == ("ValidationException", True)


def test_what_an_app_can_t_be(studio: Studio) -> None:
    create, own = studio.client.create_app, {"DomainId": studio.domain, "AppName": "default"}
    for app_type in ("KernelGateway", "TensorBoard", "DetailedProfiler", "RStudioServerPro", "RSessionGateway"):
        code, message = refused(create, **own, UserProfileName="default", AppType=app_type)
        assert (code, app_type in message) == ("ValidationException", True)
    assert "SpaceName" in refused(create, **own, UserProfileName="default", AppType="JupyterLab")[1]
    assert "Exactly one" in refused(create, **own, AppType="JupyterLab")[1]
    studio.space("types")
    assert "UserProfileName" in refused(create, **own, SpaceName="types", AppType="Canvas")[1]
    assert "CodeEditor" in refused(create, **own, SpaceName="types", AppType="CodeEditor")[1]
    version = f"arn:aws:sagemaker:us-east-1:{'0' * 12}:image-version/nowhere/1"
    spec = {"SageMakerImageVersionArn": version}
    assert version in refused(create, **own, SpaceName="types", AppType="JupyterLab", ResourceSpec=spec)[1]
    studio.client.delete_space(DomainId=studio.domain, SpaceName="types")
    assert refused(create, **own, SpaceName="nowhere", AppType="JupyterLab") == (
        "ValidationException",
        "RecordNotFound",
    )
    code, message = refused(studio.client.describe_app, **studio.named("nowhere"))
    assert (code, "RecordNotFound" in message) == ("ResourceNotFound", True)


def test_an_editor_that_is_not_here_fails_with_the_reason(studio: Studio) -> None:
    studio.client.create_space(DomainId=studio.domain, SpaceName="editor")
    named = studio.named("editor", "CodeEditor")
    studio.client.create_app(**named)
    found = studio.client.describe_app(**named)
    assert (found["Status"], "SAGEWRIGHT_CODE_EDITOR" in found["FailureReason"]) == ("Failed", True)
    studio.client.delete_space(DomainId=studio.domain, SpaceName="editor")  # nothing of it runs
