"""Custom images: pushed by Podman to the registry, trained as containers, by boto3 and SDK v2."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sagewright.sandbox.containers.container import bytes_written

if TYPE_CHECKING:
    from conftest import Podman, RunningServer

REPOSITORY = "team/churn"
ECR = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
ELSEWHERE = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "containers"
V2 = Path(__file__).parents[3] / ".cache" / "clients" / "sdk-v2" / "bin" / "python"

TRAIN = r"""#!/bin/sh
echo "arguments: $*"
echo "score=0.75;"
case "$ACT" in
  fail) echo -n "the column target is missing" > /opt/ml/output/failure; exit 3 ;;
  sleep) trap 'echo "got TERM"; echo half > /opt/ml/model/weights; exit 0' TERM
         echo "sleeping"; while :; do sleep 0.1; done ;;
  write) dd if=/dev/zero of=/written bs=1048576 count=5; echo "written"; while :; do sleep 0.1; done ;;
  stubborn) trap 'echo "not yet"' TERM; echo "sleeping"; while :; do sleep 0.1; done ;;
  network) ls /sys/class/net; wget -q -T 3 -O - "$SERVER/_sagewright/health" || echo "no network" ;;
  memory) exec dd if=/dev/zero of=/dev/null bs=2000M count=1 ;;
esac
cp -r /opt/ml/input/config /opt/ml/model/config
cat /opt/ml/input/data/train/* > /opt/ml/model/weights
echo extra > /opt/ml/output/data/extra
hostname > /opt/ml/model/host
env > /opt/ml/model/env
"""
ESTIMATOR = """
import sys
from sagemaker.estimator import Estimator
from sagemaker.session import Session
estimator = Estimator(image_uri=sys.argv[1], role=sys.argv[2], instance_count=1, instance_type="ml.m5.large",
                      hyperparameters={"epochs": 3}, sagemaker_session=Session(default_bucket="containers"),
                      output_path="s3://containers/sdk", base_job_name="sdk-container")
estimator.fit({"train": "s3://containers/data/"})
print("MODEL", estimator.model_data)
"""


@dataclass(frozen=True)
class Registry:
    """Where the image was pushed to, and as what jobs know it."""

    address: str
    image: str


def ready(own: RunningServer) -> None:
    """Start a server and give it the data of the jobs."""
    own.start()
    own.boto("s3").create_bucket(Bucket=BUCKET)
    own.boto("s3").put_object(Bucket=BUCKET, Key="data/part.csv", Body=b"1,2\n")


def login(server: RunningServer, podman: Podman) -> str:
    """`podman login` with ECR's token; the registry's address."""
    (auth,) = server.boto("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(auth["authorizationToken"]).decode().partition(":")
    address = str(auth["proxyEndpoint"]).removeprefix("http://")
    podman("login", "--tls-verify=false", "--username", user, "--password", password, address)
    return address


@pytest.fixture(scope="module")
def registry(server: RunningServer, podman: Podman) -> Iterator[Registry]:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="data/part.csv", Body=b"1,2\n")
    server.boto("ecr").create_repository(repositoryName=REPOSITORY)
    address = login(server, podman)
    tag = f"{address}/{REPOSITORY}:1"
    podman.build(tag, {"opt/ml/code/train": TRAIN})
    podman("push", "--tls-verify=false", tag)
    podman("rmi", "--force", tag)
    yield Registry(address, f"{ECR}/{REPOSITORY}:1")
    podman("logout", address)


def submit(server: RunningServer, name: str, image: str, act: str = "", **changes: Any) -> None:
    specification = {"TrainingImage": image, "TrainingInputMode": "File", **changes.pop("specification", {})}
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": specification,
        "RoleArn": ROLE,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 200},
        "HyperParameters": {"epochs": "3"},
        "Environment": {"ACT": act, "SERVER": server.endpoint},
    }
    server.boto("sagemaker").create_training_job(**(request | changes))


def members(server: RunningServer, job: dict[str, Any]) -> dict[str, bytes]:
    bucket, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
    data = server.boto("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name.removeprefix("./"): archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]


def containers(podman: Podman, server: RunningServer) -> list[str]:
    """Containers of the server's jobs, running or not."""
    shown = json.loads(podman("ps", "--all", "--format", "json") or "[]")
    return [c["Id"] for c in shown if (c["Labels"] or {}).get("sagewright.directory", "").startswith(str(server.data))]


def test_a_container_from_push_to_model(
    server: RunningServer, registry: Registry, podman: Podman, job_name: str
) -> None:
    metrics = [{"Name": "score", "Regex": "score=([0-9.]+);"}]
    submit(server, job_name, registry.image, specification={"MetricDefinitions": metrics})

    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), server.lines(job_name))
    made = members(server, job)
    assert made["weights"] == b"1,2\n"
    assert made["host"] == b"algo-1\n"
    assert json.loads(made["config/hyperparameters.json"]) == {"epochs": "3"}
    env = dict(line.partition("=")[::2] for line in made["env"].decode().splitlines())
    assert (env["TRAINING_JOB_NAME"], env["ACT"], env["AWS_REGION"]) == (job_name, "", "us-east-1")
    assert env["PATH"] == "/opt/ml/code:/bin"
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & set(env)
    assert "arguments: " in server.lines(job_name)
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("score", 0.75)]
    assert containers(podman, server) == []


def test_the_transition_tells_of_the_download(server: RunningServer, podman: Podman, job_name: str) -> None:
    server.boto("ecr").create_repository(repositoryName=job_name.lower())
    tag = f"{login(server, podman)}/{job_name.lower()}:new"
    podman.build(tag, {"bin/train": TRAIN + f"# {uuid.uuid4()}\n"})
    podman("push", "--tls-verify=false", tag)
    podman("rmi", "--force", tag)
    submit(server, job_name, f"{ECR}/{job_name.lower()}:new")

    job = server.wait(job_name)
    described = {t["Status"]: t["StatusMessage"] for t in job["SecondaryStatusTransitions"]}
    assert described["Downloading"] == "Downloading the training image"
    assert described["Training"] == "Training image download completed. Training in progress."
    server.boto("ecr").delete_repository(repositoryName=job_name.lower(), force=True)


@pytest.mark.parametrize(
    ("specification", "line"),
    [
        ({"ContainerEntrypoint": ["/bin/sh", "-c", "echo own $0"], "ContainerArguments": ["word"]}, "own word"),
        ({"ContainerArguments": ["train", "--fast"]}, "arguments: --fast"),
    ],
)
def test_entry_point_and_arguments(
    server: RunningServer, registry: Registry, job_name: str, specification: dict[str, Any], line: str
) -> None:
    submit(server, job_name, registry.image, specification=specification)

    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"
    assert line in server.lines(job_name)


def test_an_entry_point_of_the_image_is_given_the_word_train(
    server: RunningServer, registry: Registry, podman: Podman, job_name: str
) -> None:
    tag = f"{registry.address}/{REPOSITORY}:entry"
    podman.build(tag, {"main": '#!/bin/sh\necho "main got: $*"\n'}, 'ENTRYPOINT ["/main"]', 'CMD ["nothing"]')
    login(server, podman)
    podman("push", "--tls-verify=false", tag)
    submit(server, job_name, tag)

    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"
    assert "main got: train" in server.lines(job_name)


def test_a_failure_tells_the_text_that_the_program_left(
    server: RunningServer, registry: Registry, job_name: str
) -> None:
    submit(server, job_name, registry.image, "fail")

    assert server.wait(job_name)["FailureReason"] == "AlgorithmError: the column target is missing, exit code: 3"


def test_too_much_memory(own_server: RunningServer, podman: Podman, job_name: str) -> None:
    own_server.environ["SAGEWRIGHT_CAPACITY_MEMORY_GB"] = "1"
    ready(own_server)
    podman.build("localhost/sagewright-memory:1", {"bin/train": TRAIN})
    submit(own_server, job_name, "localhost/sagewright-memory:1", "memory")

    reason = own_server.wait(job_name)["FailureReason"]
    said = "The container needed more than its 1 GiB of memory and was killed."
    assert reason == f"AlgorithmError: {said}, exit code: 137"
    assert "The container needed more than its 1 GiB of memory and was killed." in own_server.lines(job_name)


def test_a_program_that_is_not_there(server: RunningServer, registry: Registry, job_name: str) -> None:
    submit(server, job_name, registry.image, specification={"ContainerEntrypoint": ["/none"]})

    assert server.wait(job_name)["FailureReason"] == "AlgorithmError: , exit code: 127"


@pytest.mark.parametrize("image", [f"{ELSEWHERE}/nobody-has-this:1", "localhost/nobody-has-this:1"])
def test_an_image_that_cannot_be_had(server: RunningServer, registry: Registry, job_name: str, image: str) -> None:
    submit(server, job_name, image)

    assert server.wait(job_name)["FailureReason"].startswith(f"ClientError: Cannot find the requested image: {image}.")


def test_a_name_that_is_much_like_one_of_awss_is_told(server: RunningServer, registry: Registry, job_name: str) -> None:
    submit(server, job_name, f"{ELSEWHERE}/pytorch-trainning:2.0")

    assert server.wait(job_name)["FailureReason"].endswith(" It resembles AWS's image 'pytorch-training'.")


def test_stop_is_sigterm_to_the_first_process(
    server: RunningServer, registry: Registry, podman: Podman, job_name: str
) -> None:
    submit(server, job_name, registry.image, "sleep")
    server.when_logged(job_name, "sleeping")
    server.boto("sagemaker").stop_training_job(TrainingJobName=job_name)

    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert "got TERM" in server.lines(job_name)
    assert members(server, job)["weights"] == b"half\n"
    assert containers(podman, server) == []


@pytest.mark.parametrize("isolated", [False, True])
def test_network_isolation(server: RunningServer, registry: Registry, job_name: str, isolated: bool) -> None:
    submit(server, job_name, registry.image, "network", EnableNetworkIsolation=isolated)

    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"
    lines = server.lines(job_name)
    assert ("no network" in lines) == isolated
    assert any('"ok"' in line for line in lines) != isolated


def test_a_killed_agent_leaves_no_container(own_server: RunningServer, podman: Podman, job_name: str) -> None:
    """Nor does one that ignores SIGTERM after the grace."""
    own_server.environ["SAGEWRIGHT_STOP_GRACE_S"] = "1"
    ready(own_server)
    podman.build("localhost/sagewright-stubborn:1", {"bin/train": TRAIN})
    for name in (f"a{job_name}"[:60], f"b{job_name}"[:60]):
        submit(own_server, name, "localhost/sagewright-stubborn:1", "stubborn")
        own_server.when_logged(name, "sleeping")
        assert len(containers(podman, own_server)) == 1
        if name.startswith("a"):
            (agent,) = own_server.agents()
            os.kill(agent, signal.SIGKILL)
            assert own_server.wait(name)["FailureReason"].startswith("InternalServerError")
        else:
            own_server.boto("sagemaker").stop_training_job(TrainingJobName=name)
            assert own_server.wait(name)["TrainingJobStatus"] == "Stopped"
            assert "not yet" in own_server.lines(name)
        assert containers(podman, own_server) == []


def test_what_a_container_writes_outside_of_its_mounts_is_known(
    own_server: RunningServer, podman: Podman, job_name: str
) -> None:
    """On a disk that runs short its job is judged by that too: if it is the disk of the engine's storage."""
    own_server.environ["SAGEWRIGHT_STOP_GRACE_S"] = "1"
    storage = Path(podman("info", "--format", "{{.Store.GraphRoot}}").strip())
    with tempfile.TemporaryDirectory(prefix="sagewright-tests-", dir=storage.parent) as disk:
        (own_server.data / "jobs").symlink_to(disk)
        ready(own_server)
        podman.build("localhost/sagewright-writes:1", {"bin/train": TRAIN})
        submit(own_server, job_name, "localhost/sagewright-writes:1", "write")
        own_server.when_logged(job_name, "written")
        (handle,) = own_server.handles()
        assert 5 << 20 <= bytes_written(Path(handle["directory"])) < 8 << 20
        own_server.boto("sagemaker").stop_training_job(TrainingJobName=job_name)
        own_server.wait(job_name)
        own_server.end()


def test_sdk_v2_estimator(server: RunningServer, registry: Registry, tmp_path: Path) -> None:
    script = tmp_path / "estimator.py"
    script.write_text(ESTIMATOR)
    done = server.sdk_v2(script, registry.image, ROLE)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "MODEL s3://containers/sdk/sdk-container-" in done.stdout
    assert "Training image download completed" in done.stdout


def test_without_an_engine_the_job_says_what_to_install(own_server: RunningServer, job_name: str) -> None:
    own_server.environ["DOCKER_HOST"] = f"unix://{own_server.data}/none.sock"
    ready(own_server)
    began = time.monotonic()
    submit(own_server, job_name, "localhost/churn:1")

    reason = own_server.wait(job_name)["FailureReason"]
    assert time.monotonic() - began < 20
    assert reason.startswith("ClientError: ")
    assert "apt-get install podman" in reason

    submit(own_server, f"{job_name}-typo", "localhost/sagemaker-scikit-lern:1.2-1-cpu-py3")
    reason = own_server.wait(f"{job_name}-typo")["FailureReason"]
    assert "localhost/sagemaker-scikit-lern:1.2-1-cpu-py3 is none of AWS's" in reason
    assert reason.index("It resembles AWS's image 'sagemaker-scikit-learn'.") < reason.index("apt-get install podman")


def test_ecr_tells_what_was_pushed(server: RunningServer, registry: Registry) -> None:
    ecr = server.boto("ecr")
    (repository,) = ecr.describe_repositories(repositoryNames=[REPOSITORY])["repositories"]
    assert repository["repositoryUri"] == f"{ECR}/{REPOSITORY}"
    (image,) = ecr.describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "1"}])["imageDetails"]
    assert image["imageTags"] == ["1"]
    assert image["imageSizeInBytes"] > 500_000
    both = [{"imageTag": "1"}, {"imageTag": "none"}]
    got = ecr.batch_get_image(repositoryName=REPOSITORY, imageIds=both)
    manifest = json.loads(got["images"][0]["imageManifest"])
    assert manifest["schemaVersion"] == 2
    assert [f["failureCode"] for f in got["failures"]] == ["ImageNotFound"]
    with pytest.raises(ClientError) as caught:
        ecr.delete_repository(repositoryName=REPOSITORY)
    assert caught.value.response["Error"]["Code"] == "RepositoryNotEmptyException"
