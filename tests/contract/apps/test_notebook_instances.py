"""Notebook instances by boto3 and the CLI: their life, what outlives a stop, and their life-cycle scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from tests.contract.apps.lab import Studio

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
GROUP = "/aws/sagemaker/NotebookInstances"


def script(text: str) -> list[dict[str, str]]:
    return [{"Content": base64.b64encode(text.encode()).decode()}]


@pytest.fixture(scope="module")
def instance(studio: Studio) -> Iterator[str]:
    client = studio.client
    client.create_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName="hooks",
        OnCreate=script("sudo -u ec2-user -i <<'EOF'\necho created >> hooks.txt\nEOF\nsudo echo the first time"),
        OnStart=script("#!/bin/sh\necho started >> hooks.txt; echo each time"),
    )
    client.create_notebook_instance(
        NotebookInstanceName="My-Notebook",
        InstanceType="ml.t3.medium",
        RoleArn=ROLE,
        LifecycleConfigName="hooks",
        Tags=[{"Key": "a", "Value": "b"}],
    )
    assert studio.instance_until("My-Notebook", "InService", "Failed")["NotebookInstanceStatus"] == "InService"
    yield "My-Notebook"
    client.delete_notebook_instance(NotebookInstanceName="My-Notebook")
    client.get_waiter("notebook_instance_deleted").wait(
        NotebookInstanceName="My-Notebook", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    client.delete_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="hooks")


def refused(studio: Studio, operation: str, **request: str) -> str:
    with pytest.raises(ClientError) as error:
        getattr(studio.client, operation)(**request)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    return str(error.value.response["Error"]["Message"])


def test_it_says_what_it_is(studio: Studio, instance: str) -> None:
    described = studio.client.describe_notebook_instance(NotebookInstanceName=instance)
    assert described["NotebookInstanceLifecycleConfigName"] == "hooks"
    assert (described["VolumeSizeInGB"], described["RootAccess"], described["DirectInternetAccess"]) == (
        5,
        "Enabled",
        "Enabled",
    )
    listed = studio.client.list_notebook_instances(
        NameContains="my-note", StatusEquals="InService", NotebookInstanceLifecycleConfigNameContains="hook"
    )
    assert [one["NotebookInstanceName"] for one in listed["NotebookInstances"]] == [instance]
    assert studio.client.list_notebook_instances(DefaultCodeRepositoryContains="x")["NotebookInstances"] == []
    assert studio.client.list_tags(ResourceArn=described["NotebookInstanceArn"])["Tags"] == [{"Key": "a", "Value": "b"}]


def test_its_states_allow_what_aws_s_allow(studio: Studio, instance: str) -> None:
    named = {"NotebookInstanceName": instance}
    for operation in ("start_notebook_instance", "update_notebook_instance", "delete_notebook_instance"):
        message = refused(studio, operation, **named)
        assert message.startswith("Status (InService) not in ([Stopped, Failed]). Unable to transition to (")
    assert "Cannot create a duplicate" in refused(
        studio, "create_notebook_instance", **named, InstanceType="ml.t3.medium", RoleArn=ROLE
    )
    assert "is in use" in refused(
        studio, "delete_notebook_instance_lifecycle_config", NotebookInstanceLifecycleConfigName="hooks"
    )


def test_a_stop_keeps_only_the_home(studio: Studio, instance: str) -> None:
    lab = studio.lab(instance)
    assert (
        lab.run(
            "from sagemaker.core.helper.session_helper import get_execution_role as role\n"
            "import os; print(role(), os.getcwd()); open('mine.txt', 'w').write('1'); open('/root/lost.txt', 'w').write('1')"
        ).splitlines()[-1]
        == f"{ROLE} /home/ec2-user/SageMaker"
    )
    assert lab.json("GET", "/api/contents/hooks.txt")["content"] == "created\nstarted\n"
    assert studio.lines(GROUP, f"{instance}/LifecycleConfigOnCreate") == ["the first time"]
    studio.client.stop_notebook_instance(NotebookInstanceName=instance)
    studio.instance_until(instance, "Stopped")
    studio.client.update_notebook_instance(NotebookInstanceName=instance, InstanceType="ml.t3.large", VolumeSizeInGB=10)
    assert "shrink" in refused(studio, "update_notebook_instance", NotebookInstanceName=instance, VolumeSizeInGB=5)  # type: ignore[arg-type]
    studio.client.start_notebook_instance(NotebookInstanceName=instance)
    found = studio.instance_until(instance, "InService", "Failed")
    assert (found["NotebookInstanceStatus"], found["InstanceType"], found["VolumeSizeInGB"]) == (
        "InService",
        "ml.t3.large",
        10,
    )
    again = studio.lab(instance)
    assert again.json("GET", "/api/contents/hooks.txt")["content"] == "created\nstarted\nstarted\n"
    assert again.run("import os; print(open('mine.txt').read(), os.path.exists('/root/lost.txt'))") == "1 False\n"
    studio.client.stop_notebook_instance(NotebookInstanceName=instance)
    studio.instance_until(instance, "Stopped")


def test_failures_name_what_failed(studio: Studio) -> None:
    client = studio.client
    client.create_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName="broken", OnStart=script("echo before; echo no room >&2; exit 7")
    )
    asked = {"InstanceType": "ml.t3.medium", "RoleArn": ROLE}
    client.create_notebook_instance(NotebookInstanceName="broken", **asked, LifecycleConfigName="broken")
    client.create_notebook_instance(
        NotebookInstanceName="no-clone", **asked, DefaultCodeRepository="https://127.0.0.1:9/team/code.git"
    )
    reason = studio.instance_until("broken", "Failed", "InService")["FailureReason"]
    assert reason == "The life-cycle configuration broken (OnStart) ended with exit code 7: no room"
    assert studio.lines(GROUP, "broken/LifecycleConfigOnStart") == ["before", "no room"]
    reason = studio.instance_until("no-clone", "Failed", "InService")["FailureReason"]
    assert reason.startswith(
        "The code repository https://127.0.0.1:9/team/code.git can't be cloned (git's exit code 128)"
    )
    for name in ("broken", "no-clone"):
        client.delete_notebook_instance(NotebookInstanceName=name)
    client.get_waiter("notebook_instance_deleted").wait(
        NotebookInstanceName="broken", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
