"""Training jobs driven by plain boto3: life cycle, listing, stopping, failures, tags. The image is script mode on scikit-learn."""

from __future__ import annotations

import io
import json
import tarfile
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "training-jobs"


@pytest.fixture(scope="module")
def bucket(server: RunningServer) -> str:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    for i in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"data/part-{i}.csv", Body=f"{i},{i}\n")
    s3.put_object(Bucket=BUCKET, Key="data/deep/er/x", Body=b"deep")
    manifest = [{"prefix": f"s3://{BUCKET}/data/"}, "part-1.csv", "deep/er/x"]
    s3.put_object(Bucket=BUCKET, Key="some.manifest", Body=json.dumps(manifest))
    return BUCKET


def submit(server: RunningServer, name: str, script: str, **changes: Any) -> None:
    """Create a script-mode job whose entry point is `script`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("train.py")
        info.size = len(script.encode())
        archive.addfile(info, io.BytesIO(script.encode()))
    server.boto("s3").put_object(Bucket=BUCKET, Key=f"code/{name}.tar.gz", Body=packed.getvalue())
    hyperparameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"s3://{BUCKET}/code/{name}.tar.gz"',
    }
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 100},
        "HyperParameters": hyperparameters | changes.pop("HyperParameters", {}),
    }
    server.boto("sagemaker").create_training_job(**(request | changes))


def channel(name: str, uri: str, **source: str) -> dict[str, Any]:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri, **source}}}


def members(server: RunningServer, uri: str) -> dict[str, bytes]:
    """The files of a .tar.gz in S3."""
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    data = server.boto("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name.removeprefix("./"): archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


REPORTER = """
import json, os, sys
print("arguments", sys.argv[1:])
print("metric: score=0.25;")
print("metric: score=0.5;", flush=True)
seen = sorted(os.path.relpath(os.path.join(d, f), "/opt/ml/input/data") for d, _, fs in os.walk("/opt/ml/input/data") for f in fs)
config = {n: json.load(open(f"/opt/ml/input/config/{n}.json")) for n in ("hyperparameters", "inputdataconfig", "resourceconfig")}
state = {"seen": seen, "config": config, "env": dict(os.environ)}
json.dump(state, open(os.path.join(os.environ["SM_MODEL_DIR"], "state.json"), "w"))
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "extra.txt"), "w").write("extra")
"""


def test_a_job_from_create_to_artefacts(server: RunningServer, bucket: str, job_name: str) -> None:
    submit(
        server,
        job_name,
        REPORTER,
        InputDataConfig=[
            channel("train", f"s3://{bucket}/data/"),
            channel("few", f"s3://{bucket}/some.manifest", S3DataType="ManifestFile") | {"ContentType": "text/csv"},
        ],
        HyperParameters={"epochs": "3", "lr": "0.1", "name": '"a b"', "flag": "true", "x": "[1, 2]"},
        Environment={"MY_KEY": "my value"},
        Tags=[{"Key": "team", "Value": "ml"}],
        AlgorithmSpecification={
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+);"}],
        },
    )
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), server.lines(job_name))
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{bucket}/out/{job_name}/output/model.tar.gz"
    assert job["OutputDataConfig"]["KmsKeyId"] == ""
    assert [t["Status"] for t in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert all(t["StatusMessage"] for t in job["SecondaryStatusTransitions"])
    assert job["TrainingTimeInSeconds"] >= 1 <= job["BillableTimeInSeconds"]
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("score", 0.5)]
    state = json.loads(members(server, job["ModelArtifacts"]["S3ModelArtifacts"])["state.json"])
    assert state["seen"] == sorted(
        ["few/deep/er/x", "few/part-1.csv", "train/deep/er/x", *(f"train/part-{i}.csv" for i in range(5))]
    )
    assert members(server, f"s3://{bucket}/out/{job_name}/output/output.tar.gz") == {"extra.txt": b"extra"}
    config = state["config"]
    assert config["hyperparameters"]["epochs"] == "3"
    assert config["inputdataconfig"]["few"]["ContentType"] == "text/csv"
    assert config["resourceconfig"]["current_host"] == "algo-1"
    assert config["resourceconfig"]["hosts"] == ["algo-1"]
    env = state["env"]
    assert env["MY_KEY"] == "my value"
    assert (env["TRAINING_JOB_NAME"], env["TRAINING_JOB_ARN"]) == (job_name, job["TrainingJobArn"])
    assert json.loads(env["SM_CHANNELS"]) == ["few", "train"]
    lines = server.lines(job_name)
    assert "arguments ['--epochs', '3', '--flag', 'True', '--lr', '0.1', '--name', 'a b', '-x', '[1, 2]']" in lines
    assert server.boto("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [
        {"Key": "team", "Value": "ml"}
    ]
    assert points_of(server, job, "score") == 2


def points_of(server: RunningServer, job: dict[str, Any], metric: str) -> float:
    """How many values of a metric CloudWatch has for the job."""
    points = server.boto("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName=metric,
        Dimensions=[{"Name": "TrainingJobName", "Value": job["TrainingJobName"]}],
        StartTime=job["TrainingStartTime"],
        EndTime=job["TrainingEndTime"],
        Period=60,
        Statistics=["SampleCount"],
    )["Datapoints"]
    return float(sum(point["SampleCount"] for point in points))


def test_a_traceback_reaches_failure_reason(server: RunningServer, bucket: str, job_name: str) -> None:
    submit(server, job_name, "print('before')\nraise ValueError('the learning rate is negative')\n")
    job = server.wait(job_name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n")
    assert "ValueError: the learning rate is negative" in job["FailureReason"]
    assert job["FailureReason"].endswith(", exit code: 1")
    assert "before" in server.lines(job_name)


@pytest.mark.parametrize("leaves", [True, False])
def test_what_a_failed_job_leaves_is_kept(server: RunningServer, bucket: str, job_name: str, leaves: bool) -> None:
    """As AWS does, by the word of its engineers: aws/sagemaker-python-sdk#746."""
    write = (
        "import os\nfor place in ('model', 'output/data'):\n open('/opt/ml/' + place + '/a.txt', 'w').write('half')\n"
    )
    submit(server, job_name, f"{write if leaves else ''}raise SystemExit(3)\n")
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Failed"
    prefix = (
        job["OutputDataConfig"]["S3OutputPath"].removeprefix(f"s3://{bucket}/").rstrip("/") + f"/{job_name}/output/"
    )
    found = server.boto("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    names = [one["Key"].removeprefix(prefix) for one in found]
    assert names == (["model.tar.gz", "output.tar.gz"] if leaves else [])


def test_a_module_that_the_environment_lacks_is_told_with_what_to_do(
    server: RunningServer, bucket: str, job_name: str
) -> None:
    submit(server, job_name, "import not_here_at_all\n")
    job = server.wait(job_name)
    assert "ModuleNotFoundError: No module named 'not_here_at_all'" in job["FailureReason"]
    assert job["FailureReason"].endswith(
        "No module 'not_here_at_all' in the environment: add not_here_at_all to a requirements.txt beside the script., exit code: 1"
    )
    (said,) = [line for line in server.lines(job_name) if "has no module 'not_here_at_all'" in line]
    assert "name the package in a requirements.txt beside the script" in said


def test_no_data_under_the_prefix_is_refused_at_once(server: RunningServer, bucket: str, job_name: str) -> None:
    for uri in (f"s3://{bucket}/nothing/", "s3://no-such-bucket/x"):
        request = {"InputDataConfig": [channel("train", uri)]}
        with pytest.raises(ClientError) as caught:
            submit(server, job_name, "", **request)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert f'No S3 objects found under S3 URL "{uri}" given in input data source.' in str(caught.value)
    assert fault(server.boto("sagemaker").describe_training_job, TrainingJobName=job_name) == (
        "ValidationException",
        "Requested resource not found.",
    )


def test_a_duplicate_name(server: RunningServer, bucket: str, job_name: str) -> None:
    submit(server, job_name, "")
    with pytest.raises(ClientError) as caught:
        submit(server, job_name, "")
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    assert (
        "a training job with this name already exists (arn:aws:sagemaker:us-east-1:000000000000:training-job/"
        in str(caught.value)
    )
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"


STUBBORN = """
import signal, sys, time, os
def leave(*_):
    open(os.path.join(os.environ["SM_MODEL_DIR"], "saved"), "w").write("on SIGTERM")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(600)
"""


def when_logged(server: RunningServer, name: str, text: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if text in server.lines(name):
                return
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        time.sleep(0.1)
    raise AssertionError(f"{name} did not log {text!r}")


def test_stop_keeps_what_the_script_saved(server: RunningServer, bucket: str, job_name: str) -> None:
    submit(server, job_name, STUBBORN)
    when_logged(server, job_name, "ready")
    sagemaker = server.boto("sagemaker")
    assert fault(sagemaker.delete_training_job, TrainingJobName=job_name)[0] == "ResourceInUse"
    sagemaker.stop_training_job(TrainingJobName=job_name)
    job = server.wait(job_name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [t["Status"] for t in job["SecondaryStatusTransitions"]][-3:] == ["Stopping", "Uploading", "Stopped"]
    assert members(server, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"saved": b"on SIGTERM"}
    code, message = fault(sagemaker.stop_training_job, TrainingJobName=job_name)
    assert (code, message) == (
        "ValidationException",
        "The request was rejected because the training job is in status Stopped.",
    )


def test_max_runtime(server: RunningServer, bucket: str, job_name: str) -> None:
    submit(server, job_name, STUBBORN, StoppingCondition={"MaxRuntimeInSeconds": 5})  # its handler is there by then
    job = server.wait(job_name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert members(server, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"saved": b"on SIGTERM"}


def test_delete_frees_the_name(server: RunningServer, bucket: str, job_name: str) -> None:
    submit(server, job_name, "")
    server.wait(job_name)
    sagemaker = server.boto("sagemaker")
    sagemaker.delete_training_job(TrainingJobName=job_name)
    assert fault(sagemaker.describe_training_job, TrainingJobName=job_name)[0] == "ValidationException"
    submit(server, job_name, "")
    server.wait(job_name)


def test_list_pages_and_filters(server: RunningServer, bucket: str, job_name: str) -> None:
    names = [f"{job_name[:50]}-{i}" for i in range(5)]
    for name in names:
        submit(server, name, "")
    for name in names:
        server.wait(name)
    sagemaker = server.boto("sagemaker")
    paginator = sagemaker.get_paginator("list_training_jobs")
    found = [
        job
        for page in paginator.paginate(
            NameContains=job_name[:50], SortBy="Name", SortOrder="Descending", StatusEquals="Completed", MaxResults=2
        )
        for job in page["TrainingJobSummaries"]
    ]
    assert [job["TrainingJobName"] for job in found] == sorted(names, reverse=True)
    assert all(job["TrainingEndTime"] >= job["CreationTime"] for job in found)
    assert fault(sagemaker.list_training_jobs, NextToken="rubbish")[0] == "ValidationException"


def test_search(server: RunningServer, bucket: str, job_name: str) -> None:
    names = [f"{job_name[:50]}-{i}" for i in range(3)]
    for i, name in enumerate(names):
        tag = [{"Key": "run", "Value": job_name}]
        submit(server, name, "", Tags=tag, HyperParameters={"rank": str(i)})
    for name in names:
        server.wait(name)
    sagemaker = server.boto("sagemaker")

    def search(*filters: dict[str, str], **options: Any) -> list[str]:
        mine = {"Name": "Tags.run", "Operator": "Equals", "Value": job_name}
        pages = sagemaker.get_paginator("search").paginate(
            Resource="TrainingJob", SearchExpression={"Filters": [mine, *filters]}, **options
        )
        return [found["TrainingJob"]["TrainingJobName"] for page in pages for found in page["Results"]]

    assert search(SortBy="CreationTime", SortOrder="Ascending", MaxResults=2) == names
    assert search(SortBy="HyperParameters.rank", SortOrder="Descending", MaxResults=2) == names[::-1]
    assert search({"Name": "HyperParameters.rank", "Operator": "GreaterThan", "Value": "1"}) == [names[2]]
    assert search({"Name": "TrainingJobStatus", "Operator": "Equals", "Value": "Failed"}) == []
    job = sagemaker.describe_training_job(TrainingJobName=names[1])
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert search({"Name": "ModelArtifacts.S3ModelArtifacts", "Operator": "Equals", "Value": uri}) == [names[1]]
    assert fault(sagemaker.search, Resource="FeatureGroup")[0] == "ValidationException"


SHARDS = """
import json, os, socket, time
host = os.environ["SM_CURRENT_HOST"]
seen = sorted(os.listdir("/opt/ml/input/data/train"))
print(host, "sees", seen, flush=True)
if host == "algo-1":
    listener = socket.create_server((host, 7777))
    other, _ = listener.accept()
    print("got", other.recv(100).decode(), flush=True)
else:
    for _ in range(300):
        try:
            socket.create_connection(("algo-1", 7777)).sendall(b"hello from " + host.encode())
            break
        except OSError:
            time.sleep(0.1)
json.dump(seen, open(os.path.join(os.environ["SM_MODEL_DIR"], host + ".json"), "w"))
"""


def test_two_hosts_have_their_shards_and_reach_each_other(server: RunningServer, bucket: str, job_name: str) -> None:
    data = channel("train", f"s3://{bucket}/data/part", S3DataDistributionType="ShardedByS3Key")
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    submit(server, job_name, SHARDS, InputDataConfig=[data], ResourceConfig=resources)
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), server.lines(job_name))
    merged = members(server, job["ModelArtifacts"]["S3ModelArtifacts"])
    one, two = json.loads(merged["algo-1.json"]), json.loads(merged["algo-2.json"])
    assert sorted(one + two) == [f"part-{i}.csv" for i in range(5)]
    assert abs(len(one) - len(two)) == 1
    assert "got hello from algo-2" in server.lines(job_name)


def test_one_failing_host_fails_the_job_with_its_name(server: RunningServer, bucket: str, job_name: str) -> None:
    script = (
        "import os, time\nif os.environ['SM_CURRENT_HOST'] == 'algo-2':\n    raise KeyError('mine')\ntime.sleep(600)\n"
    )
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    submit(server, job_name, script, ResourceConfig=resources)
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: algo-2: ")
    assert "KeyError: 'mine'" in job["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"RoleArn": "arn:aws:iam::111111111111:role/Other"}, "Cross-account pass role is not allowed"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 5, "MaxWaitTimeInSeconds": 9}}, "Invalid MaxWaitTimeInSeconds"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "Exactly one of TrainingImage and AlgorithmName"),
        ({"ResourceConfig": {"VolumeSizeInGB": 1}}, "InstanceType"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "m", "Regex": "("}],
                }
            },
            "not a regular expression",
        ),
    ],
)
def test_requests_that_no_job_can_be_made_of(
    server: RunningServer, bucket: str, job_name: str, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(ClientError, match="ValidationException") as caught:
        submit(server, job_name, "", **changes)
    assert text in str(caught.value)


def test_an_image_that_cannot_run_fails_at_once_with_its_name(
    server: RunningServer, bucket: str, job_name: str
) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-own:latest"
    submit(server, job_name, "", AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"})
    job = server.wait(job_name, timeout_s=30)
    assert job["FailureReason"].startswith("ClientError: ")
    assert image in job["FailureReason"]


def test_credentials_die_with_the_job(server: RunningServer, bucket: str, job_name: str) -> None:
    script = """
import json, os
keys = {k: os.environ[k] for k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
json.dump(keys, open(os.path.join(os.environ["SM_MODEL_DIR"], "keys.json"), "w"))
import boto3
print(boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").get_caller_identity()["Arn"])
"""
    submit(server, job_name, script)
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/SageMaker" in server.lines(job_name)
    keys = json.loads(members(server, job["ModelArtifacts"]["S3ModelArtifacts"])["keys.json"])
    options = {name.lower(): value for name, value in keys.items()}
    assert fault(server.boto("sts", **options).get_caller_identity)[0] == "InvalidClientTokenId"


def test_debugger_and_profiler_are_told_as_asked_and_no_rule_is_said_to_run(
    server: RunningServer, bucket: str, job_name: str
) -> None:
    rule = {"RuleConfigurationName": "LossNotDecreasing", "RuleEvaluatorImage": "evaluator:1"}
    asked = {
        "DebugHookConfig": {"S3OutputPath": f"s3://{bucket}/debug"},
        "DebugRuleConfigurations": [rule],
        "ProfilerConfig": {"S3OutputPath": f"s3://{bucket}/profile", "ProfilingIntervalInMilliseconds": 500},
        "ProfilerRuleConfigurations": [rule],
    }
    submit(server, job_name, "print(1)", **asked)
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed"
    described = [{**rule, "VolumeSizeInGB": 0}]
    wanted = asked | {"DebugRuleConfigurations": described, "ProfilerRuleConfigurations": described}
    assert {name: job[name] for name in asked} == wanted
    assert job["ProfilingStatus"] == "Enabled"  # as asked, also once it has ended
    assert not {"DebugRuleEvaluationStatuses", "ProfilerRuleEvaluationStatuses"} & set(job)


def test_the_use_of_a_host_is_a_metric_of_cloudwatch(server: RunningServer) -> None:
    job = f"use-{time.time_ns()}"
    server.run_shell(job, "timeout 4 sh -c 'while :; do :; done'; true")
    server.wait(job)
    cloudwatch = server.boto("cloudwatch")
    for name, least in (("CPUUtilization", 10.0), ("MemoryUtilization", 0.0)):
        found = cloudwatch.get_metric_statistics(
            Namespace="/aws/sagemaker/TrainingJobs",
            MetricName=name,
            Dimensions=[{"Name": "Host", "Value": f"{job}/algo-1"}],
            StartTime=datetime.now(UTC) - timedelta(minutes=10),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        assert found, name
        assert max(point["Maximum"] for point in found) > least
        assert {point["Unit"] for point in found} == {"Percent"}
