"""Processing jobs driven by plain boto3: what a container is given, what becomes of what it leaves, and what is refused."""

from __future__ import annotations

import gzip
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "processing-jobs"
GROUP = "/aws/sagemaker/ProcessingJobs"
ROOT = "/opt/ml/processing"
COMMAND = str(Path(sys.executable).parent / "sagewright")


@pytest.fixture(scope="module")
def bucket(server: RunningServer) -> str:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    for number in range(4):
        s3.put_object(Bucket=BUCKET, Key=f"data/part-{number}.csv", Body=f"{number}\n")
    s3.put_object(Bucket=BUCKET, Key="data/deep/er/x", Body=b"deep")
    s3.put_object(Bucket=BUCKET, Key="more/code.txt", Body=b"beside")
    s3.put_object(Bucket=BUCKET, Key="zipped/a.gz", Body=gzip.compress(b"unpacked\n"))
    manifest = [{"prefix": f"s3://{BUCKET}/data/"}, "part-1.csv", "deep/er/x"]
    s3.put_object(Bucket=BUCKET, Key="some.manifest", Body=json.dumps(manifest))
    return BUCKET


def s3_input(name: str, key: str, path: str, **source: str) -> dict[str, Any]:
    given = {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": f"{ROOT}/{path}", "S3DataType": "S3Prefix"}
    return {"InputName": name, "S3Input": {**given, "S3InputMode": "File", **source}}


def s3_output(name: str, key: str, path: str, mode: str = "EndOfJob") -> dict[str, Any]:
    target = {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": f"{ROOT}/{path}", "S3UploadMode": mode}
    return {"OutputName": name, "S3Output": target}


def requested(server: RunningServer, name: str, program: str = "", **changes: Any) -> dict[str, Any]:
    """`program`: Python, which comes as an input. `hosts`, `inputs`, `outputs` and `app` change what is nested, the rest
    members of the request."""
    cluster = {"InstanceCount": changes.pop("hosts", 1), "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    app = {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{ROOT}/code/program.py"], **changes.pop("app", {})}
    server.boto("s3").put_object(Bucket=BUCKET, Key=f"code/{name}/program.py", Body=program)
    code = s3_input("code", f"code/{name}/program.py", "code")
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": app,
        "ProcessingInputs": [*changes.pop("inputs", []), code],
        "ProcessingOutputConfig": {"Outputs": changes.pop("outputs", [])},
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": 100},
        **changes,
    }


def waited(server: RunningServer, name: str, timeout_s: float = 120) -> dict[str, Any]:
    client, deadline = server.boto("sagemaker"), time.monotonic() + timeout_s
    while True:
        found: dict[str, Any] = client.describe_processing_job(ProcessingJobName=name)
        if found["ProcessingJobStatus"] in {"Completed", "Failed", "Stopped"}:
            return found
        assert time.monotonic() < deadline, f"{found}\n{server.log()}"
        time.sleep(0.05)


def run(server: RunningServer, name: str, program: str = "", **changes: Any) -> dict[str, Any]:
    server.boto("sagemaker").create_processing_job(**requested(server, name, program, **changes))
    return waited(server, name)


def lines(server: RunningServer, name: str) -> list[str]:
    client = server.boto("logs")
    streams = client.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    pages = [
        client.get_log_events(logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True)
        for stream in streams
    ]
    return [event["message"] for page in pages for event in page["events"]]


def keys(server: RunningServer, prefix: str) -> dict[str, bytes]:
    s3 = server.boto("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {one["Key"]: s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found}


def said(server: RunningServer, name: str) -> Any:
    """The program's output, parsed as JSON."""
    (line,) = [line for line in lines(server, name) if line.startswith("{")]
    return json.loads(line)


SEEN = f"""
import json, os, pathlib, sys
root = pathlib.Path("{ROOT}")
found = {{str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file() and p.name != "program.py"}}
config = json.load(open("/opt/ml/config/processingjobconfig.json"))
resources = json.load(open("/opt/ml/config/resourceconfig.json"))
variables = {{k: os.environ.get(k) for k in ("COLOUR", "AWS_REGION", "TRAINING_JOB_NAME")}}
print(json.dumps({{"files": found, "config": config, "resources": resources, "variables": variables, "argv": sys.argv[1:],
                  "outputs": os.path.isdir("{ROOT}/out")}}))
"""


def test_what_a_container_finds(server: RunningServer, bucket: str, job_name: str) -> None:
    inputs = [s3_input("data", "data", "input"), s3_input("nested", "more/", "input/more")]
    job = run(
        server,
        job_name,
        SEEN,
        inputs=inputs,
        outputs=[s3_output("out", f"{job_name}/out", "out")],
        app={"ContainerArguments": ["--ratio", "0.5"]},
        Environment={"COLOUR": "blue"},
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    seen = said(server, job_name)
    parts = {f"input/part-{number}.csv": f"{number}\n" for number in range(4)}
    assert seen["files"] == {**parts, "input/deep/er/x": "deep", "input/more/code.txt": "beside"}
    assert seen["argv"] == ["--ratio", "0.5"]
    assert seen["variables"] == {"COLOUR": "blue", "AWS_REGION": "us-east-1", "TRAINING_JOB_NAME": None}
    assert seen["outputs"] is True
    config = seen["config"]
    assert config["ProcessingJobArn"] == job["ProcessingJobArn"]
    assert config["ProcessingInputs"][0]["S3Input"]["S3DownloadMode"] == "StartOfJob"
    assert config["ProcessingInputs"][0]["DatasetDefinition"] is None
    assert config["ProcessingOutputConfig"]["KmsKeyId"] is None
    assert config["AppSpecification"]["ContainerArguments"] == ["--ratio", "0.5"]
    assert config["NetworkConfig"] is None
    assert (seen["resources"]["current_host"], seen["resources"]["hosts"]) == ("algo-1", ["algo-1"])


def test_describe_and_list_tell_what_was_asked(server: RunningServer, bucket: str, job_name: str) -> None:
    client = server.boto("sagemaker")
    given = requested(
        server, job_name, "print(1)", inputs=[s3_input("data", "data", "input")], Tags=[{"Key": "a", "Value": "b"}]
    )
    arn = client.create_processing_job(**given)["ProcessingJobArn"]
    job = waited(server, job_name)
    assert arn == job["ProcessingJobArn"] == f"arn:aws:sagemaker:us-east-1:000000000000:processing-job/{job_name}"
    assert job["ProcessingInputs"][0]["S3Input"]["S3DataDistributionType"] == "FullyReplicated"
    assert "S3CompressionType" not in job["ProcessingInputs"][0]["S3Input"], (
        "SDK v2's tests on AWS see no default of it"
    )
    assert job["AppSpecification"] == given["AppSpecification"]
    assert job["ProcessingResources"] == given["ProcessingResources"]
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert "FailureReason" not in job
    assert "ExitMessage" not in job
    (summary,) = client.list_processing_jobs(NameContains=job_name, StatusEquals="Completed")["ProcessingJobSummaries"]
    assert (summary["ProcessingJobName"], summary["ProcessingJobArn"]) == (job_name, arn)
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert job_name not in str(client.list_training_jobs(MaxResults=100)["TrainingJobSummaries"])
    client.delete_processing_job(ProcessingJobName=job_name)
    with pytest.raises(ClientError, match="Could not find requested job"):
        client.describe_processing_job(ProcessingJobName=job_name)


def test_lists_are_paged_without_a_gap(server: RunningServer, bucket: str, job_name: str) -> None:
    client = server.boto("sagemaker")
    names = [f"{job_name}-{number}" for number in range(5)]
    for name in names:
        client.create_processing_job(**requested(server, name))
    pages = client.get_paginator("list_processing_jobs").paginate(
        NameContains=job_name, SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    assert [one["ProcessingJobName"] for page in pages for one in page["ProcessingJobSummaries"]] == names
    for name in names:
        waited(server, name)


LEAVES = f"""
import os, pathlib, sys
out = pathlib.Path("{ROOT}/out")
(out / "deep").mkdir()
(out / "deep" / "a.txt").write_text("a")
(out / "link").symlink_to("/etc/passwd")
pathlib.Path("/opt/ml/output/message").write_text(os.environ.get("MESSAGE", ""))
sys.exit(int(os.environ.get("CODE", "0")))
"""


def test_outputs_keep_their_tree_and_links_are_not_followed(server: RunningServer, bucket: str, job_name: str) -> None:
    job = run(server, job_name, LEAVES, outputs=[s3_output("out", f"{job_name}/out", "out")])
    assert job["ProcessingJobStatus"] == "Completed"
    assert keys(server, job_name) == {f"{job_name}/out/deep/a.txt": b"a"}


def test_a_failure_is_told_with_its_message_and_its_outputs_are_kept(
    server: RunningServer, bucket: str, job_name: str
) -> None:
    job = run(
        server,
        job_name,
        LEAVES,
        outputs=[s3_output("out", f"{job_name}/out", "out")],
        Environment={"CODE": "3", "MESSAGE": "no column age"},
    )
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert job["ExitMessage"] == "no column age"
    assert keys(server, job_name) == {f"{job_name}/out/deep/a.txt": b"a"}


@pytest.mark.parametrize(
    ("write", "message"),
    [
        ("'x' * 3000", "x" * 1024),
        ("'\\u00e9' * 600", "\u00e9" * 512),  # two bytes each
        ("'a' + '\\u00e9' * 600", "a" + "\u00e9" * 511),  # the last one would be cut in two
    ],
)
def test_an_exit_message_is_cut_to_a_kilobyte(
    server: RunningServer, bucket: str, job_name: str, write: str, message: str
) -> None:
    job = run(server, job_name, f"open('/opt/ml/output/message', 'w', encoding='utf-8').write({write})")
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", message)


def test_an_exit_message_that_is_no_text_fails_the_job(server: RunningServer, bucket: str, job_name: str) -> None:
    job = run(server, job_name, "open('/opt/ml/output/message', 'wb').write(bytes([255, 254]))")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: The exit message in /opt/ml/output/message is not UTF-8")


HOSTS = f"""
import json, os, pathlib, socket
resources = json.load(open("/opt/ml/config/resourceconfig.json"))
host = resources["current_host"]
for name in resources["hosts"]:
    socket.getaddrinfo(name, 80)
files = sorted(os.listdir("{ROOT}/input"))
pathlib.Path("{ROOT}/out", f"{{host}}.json").write_text(json.dumps(files))
pathlib.Path("/opt/ml/output/message").write_text(host + ";")
"""


def test_several_hosts_share_their_input_and_all_upload(server: RunningServer, bucket: str, job_name: str) -> None:
    job = run(
        server,
        job_name,
        HOSTS,
        hosts=2,
        inputs=[s3_input("data", "data/part", "input", S3DataDistributionType="ShardedByS3Key")],
        outputs=[s3_output("out", f"{job_name}/out", "out")],
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    found = {key.rpartition("/")[2]: json.loads(body) for key, body in keys(server, job_name).items()}
    assert set(found) == {"algo-1.json", "algo-2.json"}
    assert sorted(found["algo-1.json"] + found["algo-2.json"]) == [f"part-{number}.csv" for number in range(4)]
    assert [len(files) for files in found.values()] == [2, 2]
    assert job["ExitMessage"] == "algo-1;algo-2;"


def test_one_failed_host_fails_the_job(server: RunningServer, bucket: str, job_name: str) -> None:
    program = "import json, sys, time\n" + (
        "host = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']\n"
        "sys.exit(1) if host == 'algo-2' else time.sleep(60)"
    )
    job = run(server, job_name, program, hosts=2)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: algo-2: See job logs for more information"


PIPED = f"""
import json
print(json.dumps({{"read": open("{ROOT}/input/stream_0").read()}}))
"""


@pytest.mark.parametrize(
    ("key", "source", "read"),
    [
        ("data/part", {}, "0\n1\n2\n3\n"),
        ("zipped", {"S3CompressionType": "Gzip"}, "unpacked\n"),
        ("some.manifest", {"S3DataType": "ManifestFile"}, "1\ndeep"),
    ],
)
def test_pipes(server: RunningServer, bucket: str, job_name: str, key: str, source: dict[str, str], read: str) -> None:
    job = run(server, job_name, PIPED, inputs=[s3_input("in", key, "input/stream", S3InputMode="Pipe", **source)])
    assert job["ProcessingJobStatus"] == "Completed", lines(server, job_name)
    assert said(server, job_name)["read"] == read


def test_continuous_outputs_are_there_while_the_job_runs(server: RunningServer, bucket: str, job_name: str) -> None:
    program = f"""
import pathlib, signal, sys, time
out = pathlib.Path("{ROOT}/out")
(out / "first.txt").write_text("first")
def end(number, frame):
    (out / "last.txt").write_text("last")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("waiting", flush=True)
time.sleep(90)
"""
    client = server.boto("sagemaker")
    outputs = [s3_output("out", f"{job_name}/out", "out", "Continuous")]
    client.create_processing_job(**requested(server, job_name, program, outputs=outputs))
    deadline = time.monotonic() + 60
    while not keys(server, job_name):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert keys(server, job_name) == {f"{job_name}/out/first.txt": b"first"}
    assert client.describe_processing_job(ProcessingJobName=job_name)["ProcessingJobStatus"] == "InProgress"
    client.stop_processing_job(ProcessingJobName=job_name)
    job = waited(server, job_name)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert keys(server, job_name) == {f"{job_name}/out/first.txt": b"first", f"{job_name}/out/last.txt": b"last"}
    with pytest.raises(ClientError, match="The request was rejected because the processing job is in status Stopped"):
        client.stop_processing_job(ProcessingJobName=job_name)


def test_a_job_ends_at_its_time_limit(server: RunningServer, bucket: str, job_name: str) -> None:
    limit = {"MaxRuntimeInSeconds": 1}
    assert (
        run(server, job_name, "import time; time.sleep(60)", StoppingCondition=limit)["ProcessingJobStatus"]
        == "Stopped"
    )


def test_an_isolated_job_reaches_nobody(server: RunningServer, bucket: str, job_name: str) -> None:
    program = (
        "import json, os, socket\n"
        "print(json.dumps({'devices': sorted(os.listdir('/sys/class/net')) if os.path.isdir('/sys/class/net') else [],"
        " 'key': 'AWS_ACCESS_KEY_ID' in os.environ}))\n"
        "try:\n    socket.create_connection(('127.0.0.1', 4700), 1)\nexcept OSError as error:\n    print('refused', error.errno)\n"
    )
    job = run(server, job_name, program, NetworkConfig={"EnableNetworkIsolation": True})
    assert job["ProcessingJobStatus"] == "Completed", lines(server, job_name)
    assert said(server, job_name)["key"] is False
    assert any(line.startswith("refused") for line in lines(server, job_name))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"inputs": [s3_input("a", "nowhere/", "in")]}, 'No S3 objects found under S3 URL "s3://processing-jobs/nowhere/"'),
    ({"inputs": [s3_input("a", "data", "in"), s3_input("a", "data", "in2")]}, "InputName must be unique"),
    ({"inputs": [s3_input("a", "data", "../x")]}, "LocalPath must be a path below /opt/ml/processing/"),
    ({"inputs": [s3_input("a", "data", "in", LocalPath="/tmp/x")]}, "LocalPath must be a path below /opt/ml/processing/"),
    ({"outputs": [s3_output("a", "o", "x/../../../etc")]}, "LocalPath must be a path below /opt/ml/processing/"),
    ({"inputs": [s3_input("a", "data", "in", S3CompressionType="Gzip")]}, "Gzip is supported only with the S3InputMode Pipe"),
    ({"inputs": [{"InputName": "a"}]}, "exactly one of S3Input and DatasetDefinition must be given"),
    (
        {"outputs": [{"OutputName": "f", "FeatureStoreOutput": {"FeatureGroupName": "g"}}]},
        "FeatureStoreOutput is supported only when AppManaged is true",
    ),
    ({"RoleArn": "arn:aws:iam::111111111111:role/other"}, "Cross-account pass role is not allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_what_is_refused_at_once(
    server: RunningServer, bucket: str, job_name: str, changes: dict[str, Any], message: str
) -> None:
    client = server.boto("sagemaker")
    with pytest.raises(ClientError) as caught:
        client.create_processing_job(**requested(server, job_name, **changes))
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert message in caught.value.response["Error"]["Message"]
    with pytest.raises(ClientError):
        client.describe_processing_job(ProcessingJobName=job_name)


def test_a_second_job_of_the_name_is_refused(server: RunningServer, bucket: str, job_name: str) -> None:
    client = server.boto("sagemaker")
    client.create_processing_job(**requested(server, job_name))
    with pytest.raises(ClientError) as caught:
        client.create_processing_job(**requested(server, job_name))
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    assert "Processing job names must be unique within an AWS account" in caught.value.response["Error"]["Message"]
    waited(server, job_name)


def test_an_image_that_cannot_process_fails_with_its_name(server: RunningServer, bucket: str, job_name: str) -> None:
    app = {"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/sagemaker-geospatial-v1-0:latest"}
    job = run(server, job_name, app=app)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"ClientError: Cannot run the image {app['ImageUri']}")


def test_app_managed_entries_are_left_to_the_program(server: RunningServer, bucket: str, job_name: str) -> None:
    managed = {
        "InputName": "own",
        "AppManaged": True,
        "S3Input": {"S3Uri": f"s3://{BUCKET}/data", "S3DataType": "S3Prefix"},
    }
    group = {"OutputName": "f", "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": "g"}}
    job = run(server, job_name, SEEN, inputs=[managed], outputs=[group])
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ProcessingOutputConfig"]["Outputs"] == [group]
    seen = said(server, job_name)
    assert seen["files"] == {}
    assert seen["config"]["ProcessingInputs"][0]["AppManaged"] is True


def test_an_output_beside_an_input_takes_both(server: RunningServer, bucket: str, job_name: str) -> None:
    program = f"open('{ROOT}/data/new.txt', 'w').write('new')"
    inputs, outputs = [s3_input("in", "data/part", "data")], [s3_output("out", f"{job_name}/out", "data")]
    job = run(server, job_name, program, inputs=inputs, outputs=outputs)
    assert job["ProcessingJobStatus"] == "Completed"
    assert set(keys(server, job_name)) == {
        f"{job_name}/out/new.txt",
        *(f"{job_name}/out/part-{number}.csv" for number in range(4)),
    }


def test_the_command(server: RunningServer, bucket: str, job_name: str) -> None:
    run(
        server,
        job_name,
        "print('[red]seen[/red]'); open('/opt/ml/output/message', 'w').write('all [well]')",
        inputs=[s3_input("data", "data/part", "in")],
        outputs=[s3_output("out", f"{job_name}/out", "out")],
    )

    def command(*arguments: str) -> str:
        done = server.door(COMMAND, "processing", *arguments, "--data", str(server.data))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert job_name in command("list", "--contains", job_name)
    assert "algo-1 | [red]seen[/red]" in command("logs", job_name)
    shown = command("show", job_name)
    assert "all [well]" in shown
    assert "Completed" in shown
    assert "s3://processing-jobs/data/part" in shown
    again = server.door(COMMAND, "processing", "stop", job_name, "--data", str(server.data))
    assert again.returncode != 0
    assert "is in status Completed" in again.stdout + again.stderr
