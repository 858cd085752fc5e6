"""CreateTrainingJob accepts and refuses requests as AWS does, beyond the life of a job: places, images, profiles, isolation."""

from __future__ import annotations

import base64
import io
import json
import sys
import tarfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sagewright.runtimes.environments import Environments
from sagewright.runtimes.images import resolve_image

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
ECR = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
OUTPUT = "outputs"


def channel(uri: str) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"ChannelName": "train", "DataSource": source}


@pytest.fixture(scope="module")
def bucket(server: RunningServer) -> str:
    name = f"faithful-{uuid.uuid4().hex[:8]}"
    server.boto("s3").create_bucket(Bucket=name)
    server.boto("s3").put_object(Bucket=name, Key="data/a.csv", Body=b"1,2\n")
    return name


@pytest.mark.parametrize(
    "form",
    [
        "https://s3.us-east-1.amazonaws.com/{bucket}/{key}",
        "https://s3-us-east-1.amazonaws.com/{bucket}/{key}",
        "https://s3.amazonaws.com/{bucket}/{key}",
        "https://{bucket}.s3.us-east-1.amazonaws.com/{key}",
        "https://{bucket}.s3.amazonaws.com/{key}",
    ],
)
def test_addresses_of_awss_s3_are_places(server: RunningServer, bucket: str, job_name: str, form: str) -> None:
    server.run_shell(
        job_name,
        "cat /opt/ml/input/data/train/a.csv; cp /opt/ml/input/data/train/a.csv /opt/ml/model/",
        InputDataConfig=[channel(form.format(bucket=bucket, key="data/"))],
        OutputDataConfig={"S3OutputPath": form.format(bucket=bucket, key="out").rstrip("/")},
    )
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert "1,2" in server.lines(job_name)
    assert server.boto("s3").head_object(Bucket=bucket, Key=f"out/{job_name}/output/model.tar.gz")


def test_no_objects_names_role_and_bucket(server: RunningServer, bucket: str, job_name: str) -> None:
    with pytest.raises(ClientError) as caught:
        server.run_shell(job_name, "true", InputDataConfig=[channel(f"s3://{bucket}/none/")])
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(f'No S3 objects found under S3 URL "s3://{bucket}/none/" given in input data source.')
    assert f'the role "{ROLE}" has "s3:ListBucket" permissions on bucket "{bucket}"' in message


def test_an_output_bucket_that_is_not_there_is_told_at_once(server: RunningServer, job_name: str) -> None:
    server.run_shell(job_name, "true", OutputDataConfig={"S3OutputPath": f"s3://{job_name.lower()}/out"})
    assert server.wait(job_name)["FailureReason"].startswith("ClientError: Artifact upload failed:")
    (described,) = (line for line in server.lines(job_name) if f"The bucket '{job_name.lower()}'" in line)
    assert "does not exist: create it before the job ends" in described


def test_an_image_that_the_own_registry_lacks_is_refused(server: RunningServer, job_name: str) -> None:
    repository = job_name.lower()
    server.boto("ecr").create_repository(repositoryName=repository)
    with pytest.raises(ClientError, match="Cannot find the requested image") as caught:
        server.run_shell(job_name, "true", image=f"{ECR}/{repository}:3")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match="ValidationException"):
        server.boto("sagemaker").describe_training_job(TrainingJobName=job_name)


@pytest.mark.parametrize(
    ("image", "texts"),
    [
        (f"{ECR}/nobody-has-this:1", ["Cannot find the requested image", "The repository with name 'nobody-has-this'"]),
        (
            f"{ECR}/sagemaker-xgbost:1.7-1",
            ["does not exist in the registry", "resembles AWS's image 'sagemaker-xgboost'"],
        ),
        (
            f"{ECR.replace('0' * 12, '683313688378')}/sagemaker-scikit-lern:1.2-1-cpu-py3",
            ["registry 683313688378 has no repository", "resembles AWS's image 'sagemaker-scikit-learn'"],
        ),
        ("not an image", ["Invalid training image. Please provide a valid Amazon Elastic Container Registry path"]),
    ],
)
def test_an_image_that_nobody_has_is_refused(
    server: RunningServer, job_name: str, image: str, texts: list[str]
) -> None:
    with pytest.raises(ClientError) as caught:
        server.run_shell(job_name, "true", image=image)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert [text for text in texts if text not in caught.value.response["Error"]["Message"]] == []


def test_models_and_processing_jobs_name_images_that_are_there(server: RunningServer, job_name: str) -> None:
    client = server.boto("sagemaker")
    for image, text in ((f"{ECR}/none:1", "Requested image"), ("Not-An-Image", "is invalid")):
        with pytest.raises(ClientError, match=f"ValidationException.*{text}"):
            client.create_model(ModelName=job_name, PrimaryContainer={"Image": image})
    for image, text in (
        (f"{ECR}/none:1", "Cannot find the requested image"),
        ("an image", "Invalid image URI an image"),
    ):
        with pytest.raises(ClientError, match=f"ValidationException.*{text}"):
            client.create_processing_job(
                ProcessingJobName=job_name,
                RoleArn=ROLE,
                AppSpecification={"ImageUri": image},
                ProcessingResources={
                    "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
                },
            )


def test_a_longest_wait_goes_with_a_retry_strategy(server: RunningServer, job_name: str) -> None:
    server.run_shell(
        job_name,
        "true",
        StoppingCondition={"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 200},
        RetryStrategy={"MaximumRetryAttempts": 2},
    )
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"


def test_deleting_what_is_not_there(server: RunningServer) -> None:
    sagemaker = server.boto("sagemaker")
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.delete_training_job(TrainingJobName="nobody")


def test_profiler_members_are_kept_and_told(server: RunningServer, job_name: str) -> None:
    asked = {"S3OutputPath": f"s3://{OUTPUT}/profile"}
    server.run_shell(job_name, "sleep 1", ProfilerConfig=asked)
    running = server.boto("sagemaker").describe_training_job(TrainingJobName=job_name)
    assert running["ProfilingStatus"] == "Enabled"
    ended = server.wait(job_name)
    assert ended["ProfilerConfig"] == asked | {"ProfilingIntervalInMilliseconds": 500}
    assert ended["ProfilingStatus"] == "Enabled"  # SDK v2's tests see the same of AWS


ISOLATED = """
import sagemaker, sys
from sagemaker.sklearn import SKLearn
SKLearn(entry_point="train.py", source_dir="code", role=sagemaker.get_execution_role(), instance_type="ml.m5.large",
        instance_count=1, framework_version="1.2-1", enable_network_isolation=True, base_job_name=sys.argv[1]).fit()
"""


def test_script_mode_of_sdk_v2_without_a_network(server: RunningServer, tmp_path: Path) -> None:
    base = f"isolated-{uuid.uuid4().hex[:8]}"
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("import helper\nprint('ran', helper.NAME)\n")
    (tmp_path / "code" / "helper.py").write_text("NAME = 'isolated'\n")
    (tmp_path / "program.py").write_text(ISOLATED)
    done = server.sdk_v2(tmp_path / "program.py", base)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ran isolated" in done.stdout
    name = server.boto("sagemaker").list_training_jobs(NameContains=base)["TrainingJobSummaries"][0]
    job = server.boto("sagemaker").describe_training_job(TrainingJobName=name["TrainingJobName"])
    assert job["EnableNetworkIsolation"] is True
    assert "code" in {one["ChannelName"] for one in job["InputDataConfig"]}
    assert json.loads(job["HyperParameters"]["sagemaker_submit_directory"]).startswith("/opt/ml/input/data/code")


BASE_IMAGE = (
    "236514542706.dkr.ecr.us-east-1.amazonaws.com/sagemaker-base-python-310:1.0"  # its environment is made soonest
)


def test_a_job_is_stopped_while_its_environment_is_made(own_server: RunningServer, tmp_path: Path) -> None:
    own_server.environ["SAGEWRIGHT_ENVIRONMENTS"] = str(tmp_path / "environments")
    own_server.start()
    own_server.run_shell("early", "true", image=BASE_IMAGE)
    sagemaker = own_server.boto("sagemaker")
    deadline = time.monotonic() + 60
    while not list((tmp_path / "environments").glob("*/bin")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    sagemaker.stop_training_job(TrainingJobName="early")
    began = time.monotonic()
    job = own_server.wait("early")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert time.monotonic() - began < 30
    own_server.run_shell("later", "echo there", image=BASE_IMAGE)
    assert own_server.wait("later")["TrainingJobStatus"] == "Completed", "a half-made environment is made again"


def test_a_job_whose_environment_is_made_keeps_no_other_waiting(own_server: RunningServer, tmp_path: Path) -> None:
    """With one CPU: a job that fits starts meanwhile, and the one that waits can be stopped."""
    environments = Environments(tmp_path / "environments")
    own_server.environ |= {"SAGEWRIGHT_ENVIRONMENTS": str(environments.directory), "SAGEWRIGHT_CAPACITY_CPUS": "1"}
    own_server.start()
    sagemaker = own_server.boto("sagemaker")
    with environments.locked(environments.key_of(resolve_image(BASE_IMAGE))):  # as long as somebody makes it
        own_server.run_shell("slow", "true", image=BASE_IMAGE)
        own_server.run_shell("quick", "echo there", image="python:3.11")
        assert own_server.wait("quick")["TrainingJobStatus"] == "Completed"
        job = sagemaker.describe_training_job(TrainingJobName="slow")
        assert job["SecondaryStatus"] == "Starting"
        assert job["SecondaryStatusTransitions"][-1]["StatusMessage"].startswith("Preparing the environment base-")
        sagemaker.stop_training_job(TrainingJobName="slow")
        assert own_server.wait("slow")["TrainingJobStatus"] == "Stopped"


DEMANDING = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::{bucket}/out/*",
            "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
        }
    ],
}


@pytest.mark.parametrize("megabytes", [0, 2, 9])
def test_a_buckets_demand_of_encryption_is_met(
    server: RunningServer, bucket: str, job_name: str, megabytes: int
) -> None:
    s3, key = server.boto("s3"), "arn:aws:kms:us-east-1:000000000000:key/1b0f5a6e-3b1c-4a37-9c5e-5d9d3c2f4a11"
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(DEMANDING).replace("{bucket}", bucket))
    server.run_shell(
        job_name,
        f"head -c {megabytes}000000 /dev/urandom > /opt/ml/model/x; echo x > /opt/ml/checkpoints/x",
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out", "KmsKeyId": key},
        CheckpointConfig={"S3Uri": f"s3://{bucket}/out/checkpoints/{job_name}"},
    )
    job = server.wait(job_name)
    s3.delete_bucket_policy(Bucket=bucket)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    for made in (f"out/{job_name}/output/model.tar.gz", f"out/checkpoints/{job_name}/x"):
        described = s3.head_object(Bucket=bucket, Key=made)
        assert (described["ServerSideEncryption"], described["SSEKMSKeyId"]) == ("aws:kms", key)


def test_without_a_key_a_buckets_demand_is_told(server: RunningServer, bucket: str, job_name: str) -> None:
    s3 = server.boto("s3")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(DEMANDING).replace("{bucket}", bucket))
    server.run_shell(job_name, "true", OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"})
    job = server.wait(job_name)
    s3.delete_bucket_policy(Bucket=bucket)
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:")
    assert "AccessDenied" in job["FailureReason"]


XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
TRAIN_XGBOOST = """
import json, os, sys
import sagemaker_containers
import smdebug.xgboost as smd
import xgboost as xgb
from sagemaker_containers import entry_point
from sagemaker_training import environment
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix

def train(rows, rounds, is_master):
    hook = smd.get_hook(create_if_not_exists=True)
    booster = xgb.train({"max_depth": 2}, rows, rounds, callbacks=[hook] if hook else [])
    if is_master:
        booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model.json"))
        print("saved by", env.current_host, "of", env.hosts)

env = sagemaker_containers.training_env()
assert env.hosts == environment.Environment().hosts == json.loads(os.environ["SM_HOSTS"])
assert env.hyperparameters == {"rounds": 3} and env.job_name == os.environ["TRAINING_JOB_NAME"]
rows = get_dmatrix(env.channel_input_dirs["train"], "text/libsvm")
print("rows", rows.num_row() if rows else 0)
arguments = {"rows": rows, "rounds": env.hyperparameters["rounds"]}
entry_point._wait_hostname_resolution()
distributed.rabit_run(exec_fun=train, args=arguments, include_in_training=rows is not None, hosts=env.hosts,
                      current_host=env.current_host, update_rabit_args=True)
"""


def test_a_script_of_the_xgboost_container_trains_on_two_hosts(
    server: RunningServer, bucket: str, job_name: str
) -> None:
    s3 = server.boto("s3")
    for number in range(2):
        lines = "".join(f"{row % 2} 1:{row}.5 2:{row * number}\n" for row in range(40))
        s3.put_object(Bucket=bucket, Key=f"svm/{number}.svm", Body=lines.encode())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        member.size = len(TRAIN_XGBOOST.encode())
        tar.addfile(member, io.BytesIO(TRAIN_XGBOOST.encode()))
    s3.put_object(Bucket=bucket, Key=f"{job_name}.tar.gz", Body=packed.getvalue())
    data = channel(f"s3://{bucket}/svm/")
    data["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    server.run_shell(
        job_name,
        "",
        AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        InputDataConfig=[data],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": json.dumps(f"s3://{bucket}/{job_name}.tar.gz"),
            "rounds": "3",
        },
    )
    job, lines_ = server.wait(job_name), server.lines(job_name)
    assert job["TrainingJobStatus"] == "Completed", (job["FailureReason"], lines_)
    assert lines_.count("rows 40") == 2
    assert "saved by algo-1 of ['algo-1', 'algo-2']" in lines_
    assert sum("Debugger's hook is not available" in line for line in lines_) == 2
    uri = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=uri[0], Key=uri[2])["Body"].read())) as tar:
        assert "xgboost-model.json" in [name.removeprefix("./") for name in tar.getnames()]


OLD_BOOSTER = Path(__file__).parents[2] / "jobenv" / "algorithms" / "oldmodels" / "pickle-1.3.3"
OLD_SCRIPTS = {
    f"{ECR.replace('0' * 12, '683313688378')}/sagemaker-scikit-learn:0.20.0-cpu-py3": """
import numpy
from sklearn.datasets import load_boston
from sklearn.ensemble.forest import RandomForestRegressor
from sklearn.externals import joblib
data = load_boston()
forest = RandomForestRegressor(2).fit(data.data, data.target.astype(numpy.int))
joblib.dump(forest, "/opt/ml/model/forest.joblib")
print("shape", joblib.load("/opt/ml/model/forest.joblib").predict(data.data).shape)
""",
    f"{ECR.replace('0' * 12, '683313688378')}/sagemaker-xgboost:1.3-1": f"""
import base64, pickle
booster = pickle.loads(base64.b64decode({base64.b64encode(OLD_BOOSTER.read_bytes())!r}))
print("shape", (booster.num_features(), booster.num_boosted_rounds()))
""",
    f"{ECR.replace('0' * 12, '683313688378')}/sagemaker-scikit-learn:1.2-1-cpu-py3": """
import numpy, pandas, pkg_resources
from sklearn.preprocessing import OneHotEncoder
rows = pandas.DataFrame({"a": ["x", "y"]}).append({"a": "z"}, ignore_index=True)
print("shape", OneHotEncoder(sparse=False).fit_transform(rows).shape)
""",
    f"{ECR.replace('0' * 12, '763104351884')}/pytorch-training:2.0.0-cpu-py310": """
import pkg_resources, torch
torch.save(torch.nn.Linear(2, 1), "/tmp/whole.pt")
print("shape", tuple(torch.load("/tmp/whole.pt").weight.shape))
""",
}


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no release of scikit-learn 1.2 for this Python")
@pytest.mark.sampled(2)
@pytest.mark.parametrize("image", OLD_SCRIPTS)
def test_scripts_run_on_what_their_images_held(server: RunningServer, job_name: str, bucket: str, image: str) -> None:
    """Uses features that later releases dropped: of scikit-learn, pandas, NumPy, XGBoost, torch's default, and setuptools."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("train.py")
        info.size = len(OLD_SCRIPTS[image].encode())
        archive.addfile(info, io.BytesIO(OLD_SCRIPTS[image].encode()))
    server.boto("s3").put_object(Bucket=bucket, Key=f"{job_name}.tar.gz", Body=packed.getvalue())
    server.boto("sagemaker").create_training_job(
        TrainingJobName=job_name,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{bucket}/{job_name}.tar.gz"',
        },
    )
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert "shape (" in "\n".join(server.lines(job_name))
