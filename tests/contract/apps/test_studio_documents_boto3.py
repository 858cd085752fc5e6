"""Images, life-cycle configurations and code repositories by boto3."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.contract.apps.lab import Studio

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
SCRIPT = base64.b64encode(b"echo started").decode()


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def name() -> str:
    return f"n-{uuid.uuid4().hex[:10]}"


def test_studio_lifecycle_configs(studio: Studio) -> None:
    client, own = studio.client, name()
    made = client.create_studio_lifecycle_config(
        StudioLifecycleConfigName=own, StudioLifecycleConfigContent=SCRIPT, StudioLifecycleConfigAppType="JupyterLab"
    )["StudioLifecycleConfigArn"]
    described = client.describe_studio_lifecycle_config(StudioLifecycleConfigName=own)
    assert (described["StudioLifecycleConfigArn"], described["StudioLifecycleConfigContent"]) == (made, SCRIPT)
    listed = client.list_studio_lifecycle_configs(NameContains=own.upper(), AppTypeEquals="JupyterLab")
    assert [one["StudioLifecycleConfigName"] for one in listed["StudioLifecycleConfigs"]] == [own]
    other = client.list_studio_lifecycle_configs(NameContains=own, AppTypeEquals="KernelGateway")
    assert other["StudioLifecycleConfigs"] == []
    same = {"StudioLifecycleConfigName": own, "StudioLifecycleConfigAppType": "JupyterLab"}
    again = refused(client.create_studio_lifecycle_config, **same, StudioLifecycleConfigContent=SCRIPT)
    assert (again[0], made in again[1]) == ("ResourceInUse", True)
    for wrong, reason in (("not base64!", "base64"), (base64.b64encode(b" \n").decode(), "empty")):
        code, message = refused(client.create_studio_lifecycle_config, **same, StudioLifecycleConfigContent=wrong)
        assert (code, reason in message) == ("ValidationException", True)
    space = name()
    studio.space(space, JupyterLabAppSettings={"DefaultResourceSpec": {"LifecycleConfigArn": made}})
    code, message = refused(client.delete_studio_lifecycle_config, StudioLifecycleConfigName=own)
    assert (code, f"/{space}" in message) == ("ResourceInUse", True)
    client.delete_space(DomainId=studio.domain, SpaceName=space)


def test_images_have_versions_and_aliases(studio: Studio) -> None:
    client, own = studio.client, name()
    arn = client.create_image(ImageName=own, RoleArn=ROLE, DisplayName="Ours", Tags=[{"Key": "a", "Value": "b"}])[
        "ImageArn"
    ]
    assert client.describe_image(ImageName=own)["ImageStatus"] == "CREATED"
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    token = uuid.uuid4().hex
    base = {"ImageName": own, "BaseImage": "pytorch-training:2.3-cpu-py311"}
    first = client.create_image_version(**base, ClientToken=token, Aliases=["latest", "1.0"], MLFramework="PyTorch 2.3")
    assert (
        client.create_image_version(**base, ClientToken=token, Aliases=["latest", "1.0"], MLFramework="PyTorch 2.3")[
            "ImageVersionArn"
        ]
        == first["ImageVersionArn"]
    )
    client.create_image_version(**base, ClientToken=uuid.uuid4().hex, Aliases=["latest"])
    assert client.describe_image_version(ImageName=own)["Version"] == 2
    assert client.describe_image_version(ImageName=own, Alias="1.0")["Version"] == 1
    assert client.describe_image_version(ImageName=own, Alias="latest")["Version"] == 2
    assert client.describe_image_version(ImageName=own, Version=1)["MLFramework"] == "PyTorch 2.3"
    versions = client.list_image_versions(ImageName=own, SortBy="VERSION", SortOrder="ASCENDING", MaxResults=1)
    assert ([one["Version"] for one in versions["ImageVersions"]], "NextToken" in versions) == ([1], True)
    assert client.list_aliases(ImageName=own)["SageMakerImageVersionAliases"] == ["1.0", "latest"]
    client.update_image_version(ImageName=own, Version=1, AliasesToAdd=["latest"], AliasesToDelete=["1.0"])
    assert client.list_aliases(ImageName=own, Version=1)["SageMakerImageVersionAliases"] == ["latest"]
    assert client.list_aliases(ImageName=own, Version=2)["SageMakerImageVersionAliases"] == []
    client.update_image(ImageName=own, Description="ours", DeleteProperties=["DisplayName"])
    described = client.describe_image(ImageName=own)
    assert ("DisplayName" in described, described["Description"]) == (False, "ours")
    assert refused(client.delete_image, ImageName=own)[0] == "ResourceInUse"
    for number in (1, 2):
        client.delete_image_version(ImageName=own, Version=number)
    assert "does not exist" in refused(client.describe_image_version, ImageName=own, Version=1)[1]
    client.create_image_version(**base, ClientToken=uuid.uuid4().hex)
    assert client.describe_image_version(ImageName=own)["Version"] == 3  # a number is never used again
    client.delete_image_version(ImageName=own)
    client.delete_image(ImageName=own)
    code, message = refused(client.describe_image, ImageName=own)
    assert (code, "does not exist" in message) == ("ResourceNotFound", True)


def test_an_image_s_kernel_must_be_one_of_ours(studio: Studio) -> None:
    client, own, space = studio.client, name(), name()
    client.create_image(ImageName=own, RoleArn=ROLE)
    client.create_image_version(ImageName=own, BaseImage="me/mine:1", ClientToken=uuid.uuid4().hex)
    client.create_app_image_config(
        AppImageConfigName=own, KernelGatewayImageConfig={"KernelSpecs": [{"Name": "k", "DisplayName": "Mine"}]}
    )
    custom = {"CustomImages": [{"ImageName": own, "AppImageConfigName": own}]}
    studio.space(space, KernelGatewayAppSettings=custom)
    code, message = refused(client.create_app, **studio.named(space))
    assert (code, "me/mine:1" in message, "'Mine'" in message) == ("ValidationException", True, True)
    client.delete_space(DomainId=studio.domain, SpaceName=space)
    client.delete_app_image_config(AppImageConfigName=own)
    client.delete_image_version(ImageName=own, Version=1)
    client.delete_image(ImageName=own)


def test_app_image_configs(studio: Studio) -> None:
    client, own = studio.client, name()
    kernels = {"KernelSpecs": [{"Name": "python3"}], "FileSystemConfig": {"DefaultUid": 1000, "DefaultGid": 100}}
    client.create_app_image_config(AppImageConfigName=own, KernelGatewayImageConfig=kernels)
    assert client.describe_app_image_config(AppImageConfigName=own)["KernelGatewayImageConfig"] == kernels
    lab = {"ContainerConfig": {"ContainerArguments": ["--a"]}}
    client.update_app_image_config(AppImageConfigName=own, JupyterLabAppImageConfig=lab)
    listed = client.list_app_image_configs(NameContains=own, SortBy="Name")["AppImageConfigs"][0]
    assert (listed["KernelGatewayImageConfig"], listed["JupyterLabAppImageConfig"]) == (kernels, lab)
    wrong = {"FileSystemConfig": {"DefaultUid": 7, "DefaultGid": 0}}
    assert (
        "DefaultUid"
        in refused(client.update_app_image_config, AppImageConfigName=own, JupyterLabAppImageConfig=wrong)[1]
    )
    client.delete_app_image_config(AppImageConfigName=own)
    assert refused(client.describe_app_image_config, AppImageConfigName=own)[0] == "ResourceNotFound"


def test_code_repositories(studio: Studio) -> None:
    client, own = studio.client, name()
    config = {"RepositoryUrl": "https://git.example.com/team/repository.git", "Branch": "main"}
    client.create_code_repository(CodeRepositoryName=own, GitConfig=config)
    secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:AmazonSageMaker-git"
    client.update_code_repository(CodeRepositoryName=own, GitConfig={"SecretArn": secret})
    described = client.describe_code_repository(CodeRepositoryName=own)
    assert described["GitConfig"] == {**config, "SecretArn": secret}
    assert (
        client.list_code_repositories(NameContains=own)["CodeRepositorySummaryList"][0]["GitConfig"]
        == described["GitConfig"]
    )
    client.delete_code_repository(CodeRepositoryName=own)
    assert refused(client.describe_code_repository, CodeRepositoryName=own)[0] == "ValidationException"


def test_notebook_lifecycle_configs(studio: Studio) -> None:
    client, own = studio.client, name()
    client.create_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName=own, OnStart=[{"Content": SCRIPT}]
    )
    client.update_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName=own, OnCreate=[{"Content": SCRIPT}]
    )
    described = client.describe_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=own)
    assert (described["OnStart"], described["OnCreate"]) == ([{"Content": SCRIPT}], [{"Content": SCRIPT}])
    again = refused(client.create_notebook_instance_lifecycle_config, NotebookInstanceLifecycleConfigName=own)
    assert (again[0], "already exists" in again[1]) == ("ValidationException", True)
    client.delete_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=own)
    code, message = refused(client.describe_notebook_instance_lifecycle_config, NotebookInstanceLifecycleConfigName=own)
    assert code == "ValidationException"
    assert message.startswith("Unable to describe Notebook Instance Lifecycle Config '")
    assert message.endswith("(Details: Notebook Instance Lifecycle Config does not exist.)")


def test_notebook_instances_that_can_t_be(studio: Studio) -> None:
    create, kind = studio.client.create_notebook_instance, {"InstanceType": "ml.t3.medium", "RoleArn": ROLE}
    missing = refused(studio.client.describe_notebook_instance, NotebookInstanceName="nowhere")
    assert missing == ("ValidationException", "RecordNotFound")
    for more, named in (
        ({"LifecycleConfigName": "nowhere"}, "does not exist"),
        ({"DefaultCodeRepository": "nowhere"}, "nowhere"),
        ({"AcceleratorTypes": ["ml.eia1.medium"]}, "AcceleratorTypes"),
        ({"DirectInternetAccess": "Disabled"}, "SubnetId"),
    ):
        code, message = refused(create, NotebookInstanceName="x", **kind, **more)
        assert (code, named in message) == ("ValidationException", True)
