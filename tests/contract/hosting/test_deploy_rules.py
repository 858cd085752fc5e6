"""From a trained model to an endpoint with no one in between: registered, approved, served; rejected, and the last one is back."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import SHELL_IMAGE
from tests.hosting import BUCKET, ECHO, Hosting, archive

if TYPE_CHECKING:
    from conftest import RunningServer

GROUP, ENDPOINT = "deployed", "live"
LOGS = "arn:aws:logs:us-east-1:000000000000:log-group:"


def register(hosting: Hosting, word: str, **changes: Any) -> str:
    """A version whose model answers with a word."""
    script = textwrap.dedent(ECHO).replace("WORD", word)
    hosting.s3.put_object(Bucket=BUCKET, Key=f"{word}/model.tar.gz", Body=archive({"code/inference.py": script}))
    container = {
        "Image": SHELL_IMAGE,
        "ModelDataUrl": f"s3://{BUCKET}/{word}/model.tar.gz",
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        },
    }
    specification = {"Containers": [container], "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"]}
    request = {"ModelPackageGroupName": GROUP, "InferenceSpecification": specification}
    arn: str = hosting.sagemaker.create_model_package(**(request | changes))["ModelPackageArn"]
    return arn


def command(server: RunningServer, *arguments: str) -> str:
    argv = [str(Path(sys.executable).parent / "sagewright"), *arguments, "--data", str(server.data)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answered(hosting: Hosting, word: str, timeout_s: float = 120) -> None:
    """Return once the endpoint answers with the word; it may not be there before."""
    deadline = time.monotonic() + timeout_s
    said = ""
    while said != f"{word} x":
        assert time.monotonic() < deadline, (said, command(hosting.server, "deploy-rule", "list"))
        try:
            said = hosting.ask(ENDPOINT)
        except (hosting.runtime.exceptions.ClientError, hosting.runtime.exceptions.ServiceUnavailable) as error:
            said = str(error)
        time.sleep(0.1)


SDK_V2 = """
import sys, sagemaker
from sagemaker import ModelPackage
from sagemaker.predictor import Predictor
from sagemaker.serializers import IdentitySerializer
session = sagemaker.Session()
package = ModelPackage(role=sagemaker.get_execution_role(), model_package_arn=sys.argv[1], sagemaker_session=session)
package.deploy(initial_instance_count=1, instance_type="ml.m5.large", endpoint_name="by-sdk")
predictor = Predictor("by-sdk", session, serializer=IdentitySerializer("text/plain"))
print("SAID", predictor.predict("x").decode())
predictor.delete_endpoint()
"""


def test_sdk_v2_deploys_a_version(server: RunningServer, hosting: Hosting, tmp_path: Path) -> None:
    """It approves the version itself."""
    hosting.sagemaker.create_model_package_group(ModelPackageGroupName="by-sdk")
    arn, program = register(hosting, "sdk", ModelPackageGroupName="by-sdk"), tmp_path / "program.py"
    program.write_text(SDK_V2)
    done = server.sdk_v2(program, arn)
    assert "SAID sdk x" in done.stdout, done.stdout + done.stderr
    assert hosting.sagemaker.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "Approved"


WHOLE_WAY = """
import json, subprocess, sys, time
import numpy as np
import sagemaker
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sklearn.datasets import make_blobs
session, group, endpoint = sagemaker.Session(), "whole-way", "whole-way"
session.sagemaker_client.create_model_package_group(ModelPackageGroupName=group)
subprocess.run([*json.loads(sys.argv[1]), "--group", group, "--endpoint", endpoint], check=True)
rows, _ = make_blobs(600, 5, centers=3, random_state=0)
kmeans = sagemaker.KMeans(sagemaker.get_execution_role(), 1, "ml.m5.large", k=3, sagemaker_session=session)
kmeans.fit(kmeans.record_set(rows.astype(np.float32)))
package = kmeans.register(content_types=["text/csv"], response_types=["application/json"], model_package_group_name=group,
    inference_instances=["ml.m5.large"], transform_instances=["ml.m5.large"])
print("STATUS", session.sagemaker_client.describe_model_package(
    ModelPackageName=package.model_package_arn)["ModelApprovalStatus"])
package.update_approval_status("Approved", "found three blobs")
predictor = Predictor(endpoint, session, serializer=CSVSerializer())
deadline = time.monotonic() + 120
while True:
    try:
        answer = json.loads(predictor.predict(rows[:20].astype(np.float32)))
        break
    except session.sagemaker_runtime_client.exceptions.ClientError as error:
        assert time.monotonic() < deadline, error
        time.sleep(0.2)
print("CLUSTERS", len({one["closest_cluster"] for one in answer["predictions"]}), len(answer["predictions"]))
"""


def test_from_a_training_job_to_an_endpoint(server: RunningServer, tmp_path: Path) -> None:
    """Trained, registered, approved: nobody deploys anything."""
    program = tmp_path / "program.py"
    program.write_text(WHOLE_WAY)
    argv = [str(Path(sys.executable).parent / "sagewright"), "deploy-rule", "create", "--data", str(server.data)]
    done = server.sdk_v2(program, json.dumps(argv))
    assert "STATUS PendingManualApproval" in done.stdout, done.stdout + done.stderr
    assert "CLUSTERS 3 20" in done.stdout, done.stdout + done.stderr


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Hosting:
    made = Hosting(server)
    made.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    return made


def statuses_told(server: RunningServer, endpoint: str) -> list[str]:
    """Events in the log group of the rule `told`."""
    lines = server.boto("logs").filter_log_events(logGroupName="/aws/events/endpoints")["events"]
    described = [json.loads(line["message"])["detail"] for line in lines]
    return [one["EndpointStatus"] for one in described if one["EndpointName"] == endpoint]


def test_what_is_approved_is_served_and_what_is_rejected_gives_way(server: RunningServer, hosting: Hosting) -> None:
    events = server.boto("events")
    events.put_rule(Name="told", EventPattern=json.dumps({"detail-type": ["SageMaker Endpoint State Change"]}))
    events.put_targets(Rule="told", Targets=[{"Id": "log", "Arn": f"{LOGS}/aws/events/endpoints"}])
    command(server, "deploy-rule", "create", "--group", GROUP, "--endpoint", ENDPOINT, "--strategy", "all-at-once")
    first, second = register(hosting, "first"), register(hosting, "second")
    hosting.sagemaker.update_model_package(ModelPackageArn=first, ModelApprovalStatus="Approved")
    answered(hosting, "first")
    hosting.sagemaker.update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")
    answered(hosting, "second")
    command(server, "models", "reject", f"{GROUP}/2", "--why", "drifts")
    answered(hosting, "first")
    deadline = time.monotonic() + 60
    while "Deployed" not in (shown := command(server, "deploy-rule", "show", f"deploy-{GROUP}-to-{ENDPOINT}")):
        assert time.monotonic() < deadline, shown
        time.sleep(0.2)
    assert f"{GROUP}/1" in shown
    assert len(hosting.sagemaker.list_endpoint_configs(NameContains=ENDPOINT)["EndpointConfigs"]) == 2
    while (
        len(statuses := statuses_told(server, ENDPOINT)) < 4
    ):  # what could not be delivered at once comes a second later
        assert time.monotonic() < deadline, statuses
        time.sleep(0.1)
    assert statuses[:4] == ["CREATING", "IN_SERVICE", "UPDATING", "IN_SERVICE"]


def test_a_version_that_cannot_be_served_leaves_the_endpoint_as_it_is(server: RunningServer, hosting: Hosting) -> None:
    answered(hosting, "first")
    arn = register(hosting, "broken")
    hosting.s3.put_object(
        Bucket=BUCKET, Key="broken/model.tar.gz", Body=archive({"code/inference.py": "import nothing"})
    )
    hosting.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    deadline = time.monotonic() + 120
    while "Failed" not in (shown := command(server, "deploy-rule", "show", f"deploy-{GROUP}-to-{ENDPOINT}")):
        assert time.monotonic() < deadline, shown
        assert hosting.ask(ENDPOINT) == "first x"
        time.sleep(0.2)
    assert hosting.ask(ENDPOINT) == "first x"
    hosting.sagemaker.update_model_package(ModelPackageArn=register(hosting, "good"), ModelApprovalStatus="Approved")
    answered(hosting, "good")
    command(server, "deploy-rule", "delete", f"deploy-{GROUP}-to-{ENDPOINT}")
    assert hosting.ask(ENDPOINT) == "good x"


def test_an_endpoint_that_goes_is_told_of(server: RunningServer, hosting: Hosting) -> None:
    events, logs = server.boto("events"), server.boto("logs")
    pattern = {"detail-type": ["SageMaker Endpoint State Change"], "detail": {"EndpointName": ["going"]}}
    events.put_rule(Name="going", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="going", Targets=[{"Id": "log", "Arn": f"{LOGS}/aws/events/going"}])
    hosting.model("goes")
    hosting.endpoint("going", hosting.variant("only", "goes"))
    hosting.sagemaker.delete_endpoint(EndpointName="going")
    statuses: list[str] = []
    deadline = time.monotonic() + 30
    while "DELETING" not in statuses:
        assert time.monotonic() < deadline, statuses
        time.sleep(0.1)
        try:
            lines = logs.filter_log_events(logGroupName="/aws/events/going")["events"]
        except logs.exceptions.ResourceNotFoundException:
            continue
        statuses = [json.loads(line["message"])["detail"]["EndpointStatus"] for line in lines]
    assert statuses == ["CREATING", "IN_SERVICE", "DELETING"]
