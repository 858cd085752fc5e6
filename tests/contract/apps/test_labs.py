"""JupyterLab in a space: its kernels with both SDKs, its home, its life-cycle script and its logs. One start serves most tests."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.contract.apps.lab import Lab, Studio

pytestmark = pytest.mark.timeout(600)  # the first app waits for its environment
AWS = Path(__file__).parents[3] / ".cache" / "clients" / "aws-cli" / "bin" / "aws"
SCRIPT = """#!/bin/bash
set -eu
echo "script of $(pwd)"
echo kept > "$HOME/made-by-script.txt"
touch /usr/evil 2>/dev/null && echo "wrote into the system"
ls /work /root/.. >/dev/null 2>&1 || true
nohup sleep 600 >/dev/null 2>&1 &
"""
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/NotebookRole"
WHO = """
try:
    from sagemaker.core.helper.session_helper import get_execution_role
except ImportError:
    from sagemaker import get_execution_role
import boto3, json, os
from importlib.metadata import version
print(json.dumps({
    "sdk": version("sagemaker").split(".")[0], "role": get_execution_role(), "cwd": os.getcwd(), "home": os.environ["HOME"],
    "caller": boto3.client("sts").get_caller_identity()["Arn"], "region": boto3.client("s3").meta.region_name,
    "apps": boto3.client("sagemaker").list_apps(SpaceNameEquals="lab")["Apps"][0]["Status"],
    "metadata": json.load(open("/opt/ml/metadata/resource-metadata.json")),
}))
"""


@pytest.fixture(scope="module")
def arn(studio: Studio) -> Iterator[str]:
    """The app's ARN, in a space whose settings name the life-cycle script and a role."""
    config = studio.client.create_studio_lifecycle_config(
        StudioLifecycleConfigName="lab-script",
        StudioLifecycleConfigContent=base64.b64encode(SCRIPT.encode()).decode(),
        StudioLifecycleConfigAppType="JupyterLab",
    )["StudioLifecycleConfigArn"]
    studio.client.create_image(ImageName="lab-sklearn", RoleArn=ROLE)
    studio.client.create_image_version(ImageName="lab-sklearn", BaseImage=SKLEARN, ClientToken=uuid.uuid4().hex)
    studio.client.create_app_image_config(
        AppImageConfigName="lab-sklearn",
        KernelGatewayImageConfig={"KernelSpecs": [{"Name": "k", "DisplayName": "sklearn 1.2"}]},
    )
    studio.client.create_user_profile(
        DomainId=studio.domain, UserProfileName="Lab-Owner", UserSettings={"ExecutionRole": ROLE}
    )
    studio.client.create_space(
        DomainId=studio.domain,
        SpaceName="Lab",
        OwnershipSettings={"OwnerUserProfileName": "Lab-Owner"},
        SpaceSharingSettings={"SharingType": "Private"},
        SpaceSettings={
            "AppType": "JupyterLab",
            "KernelGatewayAppSettings": {
                "CustomImages": [{"ImageName": "lab-sklearn", "AppImageConfigName": "lab-sklearn"}]
            },
            "JupyterLabAppSettings": {
                "DefaultResourceSpec": {"LifecycleConfigArn": config, "InstanceType": "ml.t3.medium"}
            },
        },
    )
    made = studio.start("lab", Tags=[{"Key": "a", "Value": "b"}])
    found = studio.until("lab", "InService", "Failed")
    assert found["Status"] == "InService", found
    yield made
    studio.stop("lab")
    studio.client.delete_space(DomainId=studio.domain, SpaceName="lab")


@pytest.fixture
def lab(studio: Studio, arn: str) -> Lab:
    return studio.lab("lab")


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("kernel", "sdk"), [("python3", "3"), ("sdk-v2", "2")])
def test_a_kernel_of_each_sdk_knows_its_role(studio: Studio, arn: str, lab: Lab, kernel: str, sdk: str) -> None:
    printed = lab.run(WHO, kernel)
    found = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
    assert (found["sdk"], found["role"], found["region"], found["apps"]) == (sdk, ROLE, "us-east-1", "InService")
    assert found["caller"] == "arn:aws:sts::000000000000:assumed-role/NotebookRole/SageMaker"
    assert (found["cwd"], found["home"]) == ("/home/sagemaker-user", "/home/sagemaker-user")
    assert found["metadata"] == {
        "AppType": "JupyterLab",
        "DomainId": studio.domain,
        "UserProfileName": "Lab-Owner",
        "SpaceName": "Lab",
        "ResourceArn": arn,
        "ResourceName": "default",
        "ExecutionRoleArn": ROLE,
        "AppImageVersion": "",
    }


def test_the_app_says_what_it_is(studio: Studio, arn: str) -> None:
    described = studio.client.describe_app(**studio.named("LAB"))
    assert (described["AppArn"], described["SpaceName"]) == (arn, "Lab")
    assert described["ResourceSpec"]["InstanceType"] == "ml.t3.medium"
    assert described["CreationTime"] < described["LastHealthCheckTimestamp"]
    assert described["CreationTime"] < described["LastUserActivityTimestamp"]
    listed = studio.client.list_apps(DomainIdEquals=studio.domain, SpaceNameEquals="Lab")["Apps"]
    assert [(one["AppType"], one["Status"]) for one in listed] == [("JupyterLab", "InService")]
    assert studio.client.list_apps(UserProfileNameEquals="lab-ow")["Apps"] == []
    assert studio.client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    printed = studio.server.door(str(AWS), "sagemaker", "list-apps", "--space-name-equals", "lab", "--output", "text")
    assert "InService" in printed.stdout, printed


def test_its_script_ran_in_the_sandbox_with_a_log_of_its_own(studio: Studio, lab: Lab) -> None:
    stream = f"{studio.domain}/lab/JupyterLab/default"
    own = studio.lines("/aws/sagemaker/studio", f"{stream}/LifecycleConfigOnStart")
    assert own == ["script of /home/sagemaker-user"]
    assert "script of /home/sagemaker-user" in studio.lines("/aws/sagemaker/studio", stream)
    assert lab.json("GET", "/api/contents/made-by-script.txt")["content"] == "kept\n"
    assert "sleep 600" in lab.run(
        "import subprocess; print(subprocess.run(['ps', 'ax'], capture_output=True).stdout.decode())"
    )


def test_it_answers_whoever_reaches_the_socket_but_keeps_xsrf_checks(lab: Lab) -> None:
    assert lab.ask("GET", "/lab")[0] == 200
    assert lab.ask("POST", "/api/kernels", {"name": "python3"}, {"X-XSRFToken": "wrong"})[0] == 403
    names = {
        key: one["spec"]["display_name"] for key, one in lab.json("GET", "/api/kernelspecs")["kernelspecs"].items()
    }
    assert names == {"python3": "Python 3 (SDK v3)", "sdk-v2": "Python 3 (SDK v2)", "image-lab-sklearn": "sklearn 1.2"}
    assert json.loads(lab.ask("POST", "/api/terminals")[1])["name"]


def test_the_aws_cli_is_on_the_path(lab: Lab) -> None:
    assert (
        lab.run("print(*get_ipython().getoutput('aws sagemaker list-apps --query Apps[0].Status'))") == '"InService"\n'
    )


def test_a_custom_image_is_a_kernel_in_its_environment(lab: Lab) -> None:
    assert lab.run("import sklearn; print(sklearn.__version__)", "image-lab-sklearn").startswith("1.2.")


def test_it_sees_no_other_home_and_no_data_of_the_server(studio: Studio, lab: Lab) -> None:
    data = str(studio.server.data)
    printed = lab.run(f"import os; print(os.path.exists({data!r}), os.listdir('/home'), os.path.exists('/etc/shadow'))")
    assert printed.split("\n")[0] == "False ['sagemaker-user'] False"


def test_what_runs_stands_in_the_way_of_deletions(studio: Studio, arn: str) -> None:
    client = studio.client
    for call, request, words in (
        (client.create_app, studio.named("lab"), "already exists"),
        (client.delete_space, {"DomainId": studio.domain, "SpaceName": "lab"}, "App(s)"),
        (client.delete_user_profile, {"DomainId": studio.domain, "UserProfileName": "lab-owner"}, "Space(s)"),
    ):
        with pytest.raises(ClientError) as error:
            call(**request)
        found = error.value.response["Error"]
        assert (found["Code"], words in found["Message"]) == ("ResourceInUse", True)


def test_the_home_survives_the_app(studio: Studio, lab: Lab) -> None:
    home = next(one for one in (studio.server.data / "spaces").iterdir() if (one / "made-by-script.txt").exists())
    lab.run("open('notes.txt', 'w').write('mine')")
    lab.run("open('/tmp/lost.txt', 'w').write('mine'); open('requirements.txt', 'w').write('iniconfig')")
    studio.stop("lab")
    assert studio.client.describe_app(**studio.named("lab"))["Status"] == "Deleted"
    studio.start("lab")
    assert studio.until("lab", "InService", "Failed")["Status"] == "InService"
    again = studio.lab("lab")
    assert again.run("import os; print(open('notes.txt').read(), os.path.exists('/tmp/lost.txt'))") == "mine False\n"
    assert (home / "notes.txt").read_text() == "mine"
    assert again.run("import iniconfig; print(iniconfig.__name__)", "requirements") == "iniconfig\n"


def test_nothing_is_fetched_for_news(lab: Lab) -> None:
    status, body = lab.ask("GET", "/lab/api/settings/@jupyterlab/apputils-extension:notification")
    assert status == 200
    schema = json.loads(body)["schema"]["properties"]
    assert (schema["fetchNews"]["default"], schema["checkForUpdates"]["default"]) == ("false", False)
