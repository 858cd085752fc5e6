"""Batch transform driven by boto3: what goes in, what comes out and where, what fails, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
import signal
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE
from tests.hosting import Hosting, archive

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "transforms"
GROUP = "/aws/sagemaker/TransformJobs"
ROWS = "".join(f"{n},{n}.5\n" for n in range(1000))
LOOKS = '''
import json, os, time
def model_fn(directory):
    return None
def transform_fn(model, data, content_type, accept):
    """Says how it was asked; sums of rows of CSV; what is in a request decides what goes wrong."""
    text = data if isinstance(data, str) else bytes(data).decode("latin-1")
    if "refuse" in text:
        error = ValueError("a bad record"); error.status_code = 422; raise error
    if "break" in text:
        raise RuntimeError("broken inside")
    if "die" in text and not os.path.exists("/tmp/died"):
        open("/tmp/died", "w").close(); os._exit(9)
    if "whole" in text and not os.path.exists("/tmp/killed"):
        open("/tmp/killed", "w").close(); os.kill(os.getppid(), 9); os._exit(9)
    if "nap" in text:
        time.sleep(4)
    if "sleep" in text:
        time.sleep(30)
    if accept == "application/say":
        return json.dumps([len(data), content_type, sorted(n for n in os.environ if n.startswith("SAGEMAKER_BATCH"))])
    if content_type == "text/csv":
        return "".join(f"{sum(map(float, line.split(',')))}\\n" for line in text.split("\\n"))
    if content_type == "application/jsonlines":
        return "".join(json.dumps({"n": len(json.loads(line))}) + "\\n" for line in text.split("\\n"))
    return data
'''


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Hosting:
    made = Hosting(server)
    made.model("looks", LOOKS)
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    for key, body in {
        "csv/a.csv": ROWS, "csv/deep/er/b.csv": "1,2\n3,4", "csv/empty.csv": "", "one/row.csv": "1,2\n",
        "lines/x.jsonl": '{"id": 1}\n[1, 2]\n', "zipped/z.csv.gz": gzip.compress(ROWS.encode()),
        "bad/1-good.csv": "1,2\n", "bad/2-refuse.csv": "1,2\nrefuse\n", "bad/3-good.csv": "3,4\n",
        "broken/1.csv": "break\n", "broken/2.csv": "1\n", "slow/1.csv": "sleep\n", "dies/1.csv": "1,1\n", "dies/2.txt": "die",
        "killed/1.txt": "a", "killed/2.txt": "whole", "killed/3.txt": "b",
        "mixed/1.txt": "nap", "mixed/2.txt": "refuse", "mixed/3.txt": "a",
        "big/x.csv": "1234567\n",
        "binary/record.rec": b"".join(struct.pack("<II", 0xCED7230A, 4) + b"abc%d" % n for n in range(3)),
    }.items():  # fmt: skip
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    manifest = [{"prefix": f"s3://{BUCKET}/csv/"}, "deep/er/b.csv", "a.csv"]
    s3.put_object(Bucket=BUCKET, Key="some.manifest", Body=json.dumps(manifest))
    return made


IDENTIFIED = {"DestinationS3Uri": "s3://b/c", "GenerateInferenceId": True}


def requested(name: str, source: str, model: str = "looks", **changes: Any) -> dict[str, Any]:
    """`input` and `output` change what is nested, the rest members of the request."""
    data = {"S3DataSource": {"S3DataType": changes.pop("listing", "S3Prefix"), "S3Uri": f"s3://{BUCKET}/{source}"}}
    given = {"DataSource": data, "ContentType": "text/csv", "SplitType": "Line", **changes.pop("input", {})}
    output = {"S3OutputPath": f"s3://{BUCKET}/out/{name}", **changes.pop("output", {})}
    return {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": given,
        "TransformOutput": output,
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": changes.pop("hosts", 1)},
        **changes,
    }


def run(hosting: Hosting, name: str, source: str, **changes: Any) -> dict[str, Any]:
    hosting.sagemaker.create_transform_job(**requested(name, source, **changes))
    return settled(hosting, name)


def settled(hosting: Hosting, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        described: dict[str, Any] = hosting.sagemaker.describe_transform_job(TransformJobName=name)
        if described["TransformJobStatus"] in {"Completed", "Failed", "Stopped"}:
            return described
        assert time.monotonic() < deadline, described
        time.sleep(0.05)


def outputs(hosting: Hosting, name: str) -> dict[str, bytes]:
    s3, prefix = hosting.server.boto("s3"), f"out/{name}/"
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {
        one["Key"].removeprefix(prefix): s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found
    }


def lines(hosting: Hosting, name: str) -> list[str]:
    logs = hosting.server.boto("logs")
    streams = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True)[
            "events"
        ]
    ]


SUMS = "".join(f"{n + n + 0.5}\n" for n in range(1000)).encode()


def test_every_object_becomes_one_of_its_name(hosting: Hosting) -> None:
    described = run(hosting, "plain", "csv/", BatchStrategy="MultiRecord")
    assert described["TransformJobStatus"] == "Completed", lines(hosting, "plain")
    assert outputs(hosting, "plain") == {"a.csv.out": SUMS, "deep/er/b.csv.out": b"3.0\n7.0\n", "empty.csv.out": b""}
    assert described["TransformJobArn"] == "arn:aws:sagemaker:us-east-1:000000000000:transform-job/plain"
    assert described["TransformInput"]["CompressionType"] == "None"
    assert described["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert described["TransformStartTime"] <= described["TransformEndTime"]
    assert "ResolvedModel" not in described
    log = lines(hosting, "plain")
    assert "[sagemaker logs]: MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD" in log
    assert "[sagemaker logs]: 3 of 3 objects are done." in log
    found = hosting.sagemaker.list_transform_jobs(NameContains="plain", StatusEquals="Completed")[
        "TransformJobSummaries"
    ]
    assert [one["TransformJobName"] for one in found] == ["plain"]


def test_records_go_one_by_one_or_together_and_come_back_in_order(hosting: Hosting) -> None:
    single = run(
        hosting,
        "single",
        "csv/",
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=4,
        output={"AssembleWith": "Line"},
    )
    assert single["TransformJobStatus"] == "Completed"
    assert outputs(hosting, "single")["a.csv.out"] == SUMS
    said = {"Accept": "application/say", "AssembleWith": "Line"}
    run(hosting, "said", "csv/deep/er/b.csv", BatchStrategy="SingleRecord", MaxPayloadInMB=1, output=said)
    described = [json.loads(line) for line in outputs(hosting, "said")["b.csv.out"].splitlines()]
    assert described == [[3, "text/csv", ["SAGEMAKER_BATCH", "SAGEMAKER_BATCH_STRATEGY"]]] * 2
    run(hosting, "framed", "binary/", BatchStrategy="SingleRecord", output={"Accept": "application/say", "AssembleWith": "Line"},
        input={"SplitType": "RecordIO", "ContentType": "application/x-recordio-protobuf"})  # fmt: skip
    assert [json.loads(line)[0] for line in outputs(hosting, "framed")["record.rec.out"].splitlines()] == [12] * 3


def test_manifests_gzip_and_whole_objects(hosting: Hosting) -> None:
    run(hosting, "manifest", "some.manifest", listing="ManifestFile")
    assert outputs(hosting, "manifest") == {"deep/er/b.csv.out": b"3.0\n7.0\n", "a.csv.out": SUMS}
    run(hosting, "zipped", "zipped", input={"CompressionType": "Gzip"})
    assert outputs(hosting, "zipped") == {"z.csv.gz.out": SUMS}
    for name, amount in (("whole", {}), ("endless", {"MaxPayloadInMB": 0})):
        run(hosting, name, "binary/", input={"SplitType": "None", "ContentType": "x/y"}, **amount)
        assert len(outputs(hosting, name)["record.rec.out"]) == 36


def test_filters_and_joins(hosting: Hosting) -> None:
    described = run(
        hosting,
        "joined",
        "csv/deep",
        DataProcessing={"InputFilter": "$[1:]", "OutputFilter": "$[0,-1]", "JoinSource": "Input"},
    )
    assert outputs(hosting, "joined") == {"er/b.csv.out": b"1,2.0\n3,4.0\n"}
    assert described["DataProcessing"]["JoinSource"] == "Input"
    run(
        hosting,
        "jsonlines",
        "lines/",
        DataProcessing={"JoinSource": "Input"},
        input={"ContentType": "application/jsonlines"},
    )
    assert outputs(hosting, "jsonlines")["x.jsonl.out"].splitlines() == [
        b'{"id":1,"SageMakerOutput":{"n":1}}',
        b'{"SageMakerInput":[1,2],"SageMakerOutput":{"n":2}}',
    ]


def captured(hosting: Hosting, name: str, source: str) -> dict[str, tuple[str, Any]]:
    """Keys and contents of what a job captures, by part."""
    run(hosting, name, source, DataCaptureConfig={"DestinationS3Uri": f"s3://{BUCKET}/{name}"})
    s3 = hosting.server.boto("s3")
    described = {}
    for one in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/")["Contents"]:
        assert re.fullmatch(name + r"/(input|output)/\d{4}/\d\d/\d\d/\d\d/[0-9a-f-]{36}\.json", one["Key"])
        body = json.loads(s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read())
        described[one["Key"].split("/")[1]] = (one["Key"], body)
    return described


def test_what_went_in_and_came_out_is_captured(hosting: Hosting) -> None:
    found = captured(hosting, "captured", "bad/")
    assert {part: body for part, (_, body) in found.items()} == {
        "input": [{"prefix": f"s3://{BUCKET}/bad/"}, "1-good.csv", "3-good.csv"],
        "output": [{"prefix": f"s3://{BUCKET}/out/captured/"}, "1-good.csv.out", "3-good.csv.out"],
    }


def test_an_object_that_is_captured_alone_can_be_an_input_again(hosting: Hosting) -> None:
    key, body = captured(hosting, "alone", "csv/a.csv")["input"]
    assert body == [{"prefix": f"s3://{BUCKET}/csv/a.csv"}, ""]
    run(hosting, "again", key, listing="ManifestFile")
    assert outputs(hosting, "again") == outputs(hosting, "alone")
    assert list(outputs(hosting, "again")) == ["a.csv.out"]


def test_several_hosts_share_the_objects(hosting: Hosting) -> None:
    described = run(hosting, "shared", "csv/", hosts=2)
    assert described["TransformJobStatus"] == "Completed"
    assert len(outputs(hosting, "shared")) == 3
    done = [line for line in lines(hosting, "shared") if "objects are done" in line]
    assert sorted(re.findall(r"(\d) of (\d)", " ".join(done))) == [("1", "1"), ("2", "2")]


def pipeline(hosting: Hosting, name: str, code: str) -> str:
    """A model of two containers: the one that sums rows, and one of this code."""
    hosting.model(f"{name}-last", code)
    last = hosting.sagemaker.describe_model(ModelName=f"{name}-last")["PrimaryContainer"]
    first = hosting.sagemaker.describe_model(ModelName="looks")["PrimaryContainer"]
    hosting.create_model(name, ExecutionRoleArn=ROLE, Containers=[first, last])
    return name


DOUBLES = """
def model_fn(directory):
    return 2.0
def transform_fn(model, data, content_type, accept):
    text = data if isinstance(data, str) else bytes(data).decode()
    assert content_type == "text/csv", content_type
    return "".join(f"{model * float(line)}\\n" for line in text.split()), "text/csv"
"""


def test_each_container_of_a_pipeline_gets_the_answer_of_the_one_before_it(hosting: Hosting) -> None:
    model = pipeline(hosting, "doubled", DOUBLES)
    job = run(hosting, "pipeline", "csv", model=model, hosts=2, output={"Accept": "text/csv"})
    assert job["TransformJobStatus"] == "Completed", (job, lines(hosting, "pipeline"))
    found = outputs(hosting, "pipeline")
    assert sorted(found) == ["a.csv.out", "deep/er/b.csv.out", "empty.csv.out"]
    assert found["deep/er/b.csv.out"].split() == [b"6.0", b"14.0"]
    assert found["a.csv.out"].split() == [str(2 * (n + n + 0.5)).encode() for n in range(1000)]
    job = run(hosting, "pipeline-bad", "bad", model=model, output={"Accept": "text/csv"})
    assert (job["TransformJobStatus"], job["FailureReason"][:11]) == ("Failed", "ClientError")
    assert sorted(outputs(hosting, "pipeline-bad")) == ["1-good.csv.out", "3-good.csv.out"]
    until = time.monotonic() + 20
    while hosting.server.agents():
        assert time.monotonic() < until, "a server of a pipeline is still there"
        time.sleep(0.1)


def test_a_pipeline_whose_second_container_cannot_be_loaded_fails_in_seconds(hosting: Hosting) -> None:
    model = pipeline(hosting, "half", "def model_fn(directory):\n    raise RuntimeError('no such weights')\n")
    begin = time.monotonic()
    job = run(hosting, "half", "one", model=model)
    assert job["TransformJobStatus"] == "Failed"
    assert re.fullmatch(
        r"AlgorithmError: \S+: See job logs for more information\. Its last line: RuntimeError: no such weights",
        job["FailureReason"],
    ), job["FailureReason"]
    assert time.monotonic() - begin < 30
    assert any("no such weights" in line for line in lines(hosting, "half"))


def test_a_host_that_fails_does_not_end_the_others(hosting: Hosting) -> None:
    described = run(hosting, "mixed", "mixed/", hosts=2, input={"SplitType": "None", "ContentType": "text/plain"})
    assert described["TransformJobStatus"] == "Failed"
    assert re.fullmatch(r"ClientError: algo-\d: See job logs for more information", described["FailureReason"])
    assert outputs(hosting, "mixed") == {"1.txt.out": b"nap", "3.txt.out": b"a"}


def test_a_bad_record_fails_the_job_and_spares_the_other_objects(hosting: Hosting) -> None:
    described = run(hosting, "bad", "bad/")
    assert (described["TransformJobStatus"], described["FailureReason"]) == (
        "Failed",
        "ClientError: See job logs for more information",
    )
    assert outputs(hosting, "bad") == {"1-good.csv.out": b"3.0\n", "3-good.csv.out": b"7.0\n"}
    name = f"[sagemaker logs]: {BUCKET}/bad/2-refuse.csv: "
    log = lines(hosting, "bad")
    first = log.index(f"{name}Bad HTTP status received from algorithm: 422")
    assert log[first + 1 : first + 4] == [name.rstrip(), f"{name}Message:", f"{name}a bad record"] or log[
        first + 1 : first + 4
    ] == [name, f"{name}Message:", f"{name}a bad record"]


def test_a_model_that_breaks_is_the_models_fault_and_is_asked_again_as_often_as_may_be(hosting: Hosting) -> None:
    described = run(hosting, "broken", "broken/", ModelClientConfig={"InvocationsMaxRetries": 1})
    assert described["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert sum("RuntimeError: broken inside" in line for line in lines(hosting, "broken")) >= 2
    assert outputs(hosting, "broken") == {"2.csv.out": b"1.0\n"}


def test_a_request_that_takes_too_long_fails_its_object(hosting: Hosting) -> None:
    client = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    described = run(hosting, "slow", "slow/", ModelClientConfig=client)
    assert described["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert any("did not answer within 1 s" in line for line in lines(hosting, "slow"))


def test_a_worker_that_dies_costs_a_retry(hosting: Hosting) -> None:
    described = run(hosting, "dies", "dies/", input={"SplitType": "None", "ContentType": "text/plain"})
    assert described["TransformJobStatus"] == "Completed", lines(hosting, "dies")
    assert outputs(hosting, "dies")["2.txt.out"] == b"die"


def test_a_server_that_is_killed_is_started_again_and_goes_on(hosting: Hosting) -> None:
    described = run(hosting, "killed", "killed/", input={"SplitType": "None", "ContentType": "text/plain"})
    assert described["TransformJobStatus"] == "Completed", lines(hosting, "killed")
    assert outputs(hosting, "killed") == {"1.txt.out": b"a", "2.txt.out": b"whole", "3.txt.out": b"b"}
    assert any("is restarted" in line for line in lines(hosting, "killed"))


def test_a_model_may_ask_for_packages_and_be_isolated(hosting: Hosting) -> None:
    script = (
        "import humanize\ndef model_fn(d): pass\ndef predict_fn(data, _): return humanize.intcomma(int(data.sum()))\n"
    )
    body = archive({"code/inference.py": script, "code/requirements.txt": "humanize\n"})
    hosting.s3.put_object(Bucket=BUCKET, Key="packed/model.tar.gz", Body=body)
    data = f"s3://{BUCKET}/packed/model.tar.gz"
    container = {"Image": SHELL_IMAGE, "ModelDataUrl": data, "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}}
    for name, isolated in (("packed", False), ("isolated", True)):
        request = {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
        hosting.sagemaker.create_model(**request, EnableNetworkIsolation=isolated)
        described = run(hosting, f"{name}-job", "big/", model=name)
        assert described["TransformJobStatus"] == "Completed", lines(hosting, f"{name}-job")
        assert outputs(hosting, f"{name}-job") == {"x.csv.out": b'"1,234,567"'}


def test_code_may_lie_beside_the_model_in_s3(hosting: Hosting) -> None:
    """As older SDKs have it: SAGEMAKER_SUBMIT_DIRECTORY names an archive in S3."""
    script = "def model_fn(d): return None\ndef predict_fn(data, model): return 'from s3'\n"
    hosting.s3.put_object(Bucket=BUCKET, Key="code/sourcedir.tar.gz", Body=archive({"serve_it.py": script}))
    described = {
        "SAGEMAKER_PROGRAM": "serve_it.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{BUCKET}/code/sourcedir.tar.gz",
    }
    hosting.model("beside", environment=described)
    assert run(hosting, "beside", "big/", model="beside")["TransformJobStatus"] == "Completed", lines(hosting, "beside")
    assert outputs(hosting, "beside") == {"x.csv.out": b'"from s3"'}


def test_a_job_is_stopped(hosting: Hosting) -> None:
    hosting.sagemaker.create_transform_job(**requested("stopped", "slow/"))
    deadline = time.monotonic() + 60
    while not any("MaxConcurrentTransforms" in line for line in lines(hosting, "stopped")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    hosting.sagemaker.stop_transform_job(TransformJobName="stopped")
    assert settled(hosting, "stopped")["TransformJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="in status Stopped"):
        hosting.sagemaker.stop_transform_job(TransformJobName="stopped")


def test_a_model_that_cannot_be_loaded_fails_the_job_in_seconds(hosting: Hosting) -> None:
    hosting.model("unloadable", "def model_fn(directory):\n    raise RuntimeError('no such weights')\n")
    began = time.monotonic()
    described = run(hosting, "unloadable", "one/", model="unloadable")
    assert described["TransformJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("AlgorithmError: ")
    assert time.monotonic() - began < 60
    assert any("no such weights" in line for line in lines(hosting, "unloadable"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "nothing/"}, "No S3 objects found"),
        ({"model": "absent"}, "Could not find model"),
        ({"MaxPayloadInMB": 20, "MaxConcurrentTransforms": 6}, "at most 100"),
        ({"MaxPayloadInMB": 0}, "SplitType None"),
        ({"output": {"S3OutputPath": "http://x"}}, "s3OutputPath"),
        ({"DataProcessing": {"InputFilter": "$[?@.a]"}}, "filter expressions"),
        ({"DataProcessing": {"OutputFilter": "x"}}, "is not a JSONPath"),
        ({"DataProcessing": {"JoinSource": "Input"}, "input": {"ContentType": "image/png"}}, "image/png"),
        ({"DataProcessing": {"JoinSource": "Input"}, "input": {"SplitType": "None"}}, "SplitType Line"),
        ({"DataProcessing": {"JoinSource": "Input"}, "output": {"Accept": "application/json"}}, "Accept"),
        ({"listing": "AugmentedManifestFile"}, "AugmentedManifestFile"),
        ({"DataCaptureConfig": IDENTIFIED, "input": {"ContentType": "image/png"}}, "GenerateInferenceId supports"),
        ({"DataCaptureConfig": IDENTIFIED, "input": {"SplitType": "None"}}, "GenerateInferenceId of text/csv needs"),
    ],
)
def test_what_is_refused_at_once(hosting: Hosting, changes: dict[str, Any], message: str) -> None:
    source = changes.pop("source", "one/")
    with pytest.raises(ClientError, match=re.escape(message)):
        hosting.sagemaker.create_transform_job(**requested("refused", source, **changes))
    with pytest.raises(ClientError, match="Could not find requested job with name: refused"):
        hosting.sagemaker.describe_transform_job(TransformJobName="refused")


def test_names_are_unique_and_tags_are_kept(hosting: Hosting) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    hosting.sagemaker.create_transform_job(**requested("tagged", "one/"), Tags=tags)
    with pytest.raises(ClientError, match="Transform job names must be unique"):
        hosting.sagemaker.create_transform_job(**requested("tagged", "one/"))
    described = settled(hosting, "tagged")
    assert hosting.sagemaker.list_tags(ResourceArn=described["TransformJobArn"])["Tags"] == tags


def test_a_job_goes_on_while_the_server_is_away(hosting: Hosting) -> None:
    server = hosting.server
    s3 = server.boto("s3")
    for number in range(6):
        s3.put_object(Bucket=BUCKET, Key=f"away/{number}.csv", Body=f"{number},0.25\n")
    hosting.model("slow", LOOKS.replace('return "".join(f"{sum', 'time.sleep(0.4)\n        return "".join(f"{sum'))
    hosting.sagemaker.create_transform_job(**requested("away", "away/", model="slow"))
    deadline = time.monotonic() + 60
    while not any("MaxConcurrentTransforms" in line for line in lines(hosting, "away")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.end(signal.SIGKILL)
    time.sleep(0.5)
    server.start()
    fresh = Hosting(server)
    assert settled(fresh, "away")["TransformJobStatus"] == "Completed", lines(fresh, "away")
    assert outputs(fresh, "away") == {f"{n}.csv.out": f"{n}.25\n".encode() for n in range(6)}
