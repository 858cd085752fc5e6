"""Data sets of Athena's and Redshift's queries: what DuckDB makes of them, and the reasons of jobs whose queries cannot be run."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"
BUCKET, ROOT = "lake", "/opt/ml/processing"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SHOW = f"""
import pathlib, pandas
for path in sorted(pathlib.Path("{ROOT}").rglob("part-*")):
    read = {{".parquet": pandas.read_parquet, ".csv": lambda p: pandas.read_csv(p, header=None)}}[path.suffixes[0]]
    print(path.parent.name, read(path).values.tolist())
"""


@pytest.fixture(scope="module")
def lake(server_with: Callable[..., RunningServer]) -> RunningServer:
    server = server_with(SAGEWRIGHT_ATHENA_TABLES=f"s3://{BUCKET}/tables/")
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    orders = b"id,customer,amount\n1,7,10\n2,8,20\n3,7,5\n"
    files = {
        "tables/sales/orders/year=2025/a.csv": orders,
        "tables/sales/orders/year=2026/b.csv.gz": gzip.compress(b"id,customer,amount\n4,8,1\n"),
        "tables/people/customers/x.csv": b"id,name\n7,ada\n8,grace\n",
        "tables/sales/events/e.json": b'{"a": 1}\n',
        "code/show.py": SHOW.encode(),
    }
    for key, content in files.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    return server


def athena(name: str, sql: str, **changes: Any) -> dict[str, Any]:
    asked = {
        "Catalog": "AwsDataCatalog",
        "Database": "sales",
        "QueryString": sql,
        "OutputS3Uri": f"s3://{BUCKET}/results/{name}",
        "OutputFormat": "PARQUET",
        **changes.pop("athena", {}),
    }
    definition = {"LocalPath": f"{ROOT}/{name}", "AthenaDatasetDefinition": asked, **changes}
    return {"InputName": name, "DatasetDefinition": definition}


def redshift(name: str) -> dict[str, Any]:
    asked = {
        "ClusterId": "house",
        "Database": "dev",
        "DbUser": "me",
        "QueryString": "SELECT 1",
        "ClusterRoleArn": ROLE,
        "OutputS3Uri": f"s3://{BUCKET}/results/{name}",
        "OutputFormat": "CSV",
    }
    return {"InputName": name, "DatasetDefinition": {"LocalPath": f"{ROOT}/{name}", "RedshiftDatasetDefinition": asked}}


def request(name: str, *inputs: dict[str, Any], image: str = IMAGE) -> dict[str, Any]:
    source = {"S3Uri": f"s3://{BUCKET}/code/", "LocalPath": f"{ROOT}/code", "S3DataType": "S3Prefix"}
    code = {"InputName": "code", "S3Input": {**source, "S3InputMode": "File"}}
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["python3", f"{ROOT}/code/show.py"]},
        "ProcessingInputs": [*inputs, code],
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 200},
    }


def ended(server: RunningServer, name: str) -> dict[str, Any]:
    client, until = server.boto("sagemaker"), time.monotonic() + 200
    while (found := client.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] == "InProgress":
        assert time.monotonic() < until, server.log()
        time.sleep(0.1)
    return found


def lines(server: RunningServer, name: str) -> list[str]:
    group = "/aws/sagemaker/ProcessingJobs"
    client = server.boto("logs")
    events = client.filter_log_events(logGroupName=group, logStreamNamePrefix=f"{name}/")["events"]
    return [event["message"] for event in events]


def test_queries_over_csv_are_run_where_the_job_is(lake: RunningServer, job_name: str) -> None:
    joined = """
        -- Trino's words: approx_distinct, date_parse, a name of three parts
        WITH big AS (SELECT * FROM orders WHERE amount >= 5)
        SELECT c.name, sum(big.amount) AS total, approx_distinct(big.id) AS n, date_parse('2026-02-03', '%Y-%m-%d') AS d
        FROM big JOIN "AwsDataCatalog"."people"."customers" c ON c.id = big.customer GROUP BY c.name ORDER BY 1
    """
    text = athena("text", "SELECT id, year FROM sales.orders ORDER BY id", athena={"OutputFormat": "TEXTFILE"})
    lake.boto("sagemaker").create_processing_job(**request(job_name, athena("joined", joined), text))
    job = ended(lake, job_name)
    assert job["ProcessingJobStatus"] == "Completed", "\n".join(lines(lake, job_name))
    shown = lines(lake, job_name)
    (first,) = [line for line in shown if line.startswith("joined [")]
    assert "'ada', 15, 2," in first and "'grace', 20, 1," in first
    assert "text [[1, 2025], [2, 2025], [3, 2025], [4, 2026]]" in shown
    s3 = lake.boto("s3")
    kept = s3.get_object(Bucket=BUCKET, Key="results/text/part-00000.csv.gz")["Body"].read()
    assert gzip.decompress(kept) == b"1,2025\n2,2025\n3,2025\n4,2026\n"
    described = lake.boto("sagemaker").describe_processing_job(ProcessingJobName=job_name)["ProcessingInputs"][0]
    assert described["DatasetDefinition"]["AthenaDatasetDefinition"]["Database"] == "sales"


def test_the_definitions_of_sdk_v2(lake: RunningServer) -> None:
    done = lake.sdk_v2(PROGRAMS / "datasets_v2.py", ROLE, IMAGE, BUCKET)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "athena: Completed" in done.stdout
    assert "Sagewright has no Amazon Redshift" in done.stdout
    kept = lake.boto("s3").list_objects_v2(Bucket=BUCKET, Prefix="results/sdk/")["Contents"]
    assert [one["Key"] for one in kept] == ["results/sdk/part-00000.parquet"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (
            redshift("moved"),
            "Input moved: Sagewright has no Amazon Redshift, so the query of the cluster 'house' cannot be run",
        ),
        (
            athena("away", "SELECT * FROM nothing"),
            "Input away: the query failed: Catalog Error: Table with name nothing",
        ),
        (athena("bad", "SELEC 1"), "Input bad: the query failed: "),
        (athena("two", "SELECT 1; SELECT 2"), "only a single SELECT is supported"),
        (athena("drop", "DROP TABLE orders"), "only a single SELECT is supported"),
        (athena("form", "SELECT 1", athena={"OutputFormat": "ORC"}), "the OutputFormat ORC is not supported"),
        (athena("kind", "SELECT * FROM events"), "the file e.json is neither CSV nor Parquet"),
        (athena("file", 'SELECT * FROM "/etc/passwd"'), "Input file: the query failed: "),
        (athena("read", "SELECT * FROM read_text('/etc/passwd')"), "Input read: the query failed: Permission Error"),
        (athena("pipe", "SELECT 1", InputMode="Pipe"), "the result of a query is available only in File mode"),
    ],
    ids=lambda value: value["InputName"] if isinstance(value, dict) else "",
)
def test_a_query_that_cannot_be_run_fails_its_job_with_the_reason(
    lake: RunningServer, job_name: str, entry: dict[str, Any], reason: str
) -> None:
    lake.boto("sagemaker").create_processing_job(**request(job_name, entry))
    job = ended(lake, job_name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert reason in job["FailureReason"]


def test_without_the_setting_the_job_names_it(server: RunningServer, job_name: str) -> None:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="code/show.py", Body=SHOW)
    server.boto("sagemaker").create_processing_job(**request(job_name, athena("plain", "SELECT * FROM orders")))
    job = ended(server, job_name)
    assert "Sagewright has no Glue Data Catalog" in job["FailureReason"]
    assert "athena_tables" in job["FailureReason"]


def test_the_step_of_a_pipeline_fails_and_its_trial_component_is_there(server: RunningServer, job_name: str) -> None:
    client = server.boto("sagemaker")
    server.boto("s3").create_bucket(Bucket=BUCKET)
    server.boto("s3").put_object(Bucket=BUCKET, Key="code/show.py", Body=SHOW)
    arguments = request("", redshift("moved"))
    del arguments["ProcessingJobName"]
    step = {"Name": "ask", "Type": "Processing", "Arguments": arguments}
    experiment = {"ExperimentName": job_name, "TrialName": job_name}
    definition = {"Version": "2020-12-01", "PipelineExperimentConfig": experiment, "Steps": [step]}
    client.create_pipeline(
        PipelineName=job_name, ClientRequestToken="t" * 32, RoleArn=ROLE, PipelineDefinition=json.dumps(definition)
    )
    arn = client.start_pipeline_execution(PipelineName=job_name, ClientRequestToken="e" * 32)["PipelineExecutionArn"]
    until = time.monotonic() + 100
    while client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Executing":
        assert time.monotonic() < until
        time.sleep(0.1)
    (found,) = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    assert found["StepStatus"] == "Failed"
    assert "Sagewright has no Amazon Redshift" in found["FailureReason"]
    job = found["Metadata"]["ProcessingJob"]["Arn"]
    components = client.list_trial_components(SourceArn=job)["TrialComponentSummaries"]
    assert [one["TrialComponentSource"]["SourceArn"] for one in components] == [job]
    assert components[0]["Status"]["PrimaryStatus"] == "Failed"


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({"LocalPath": f"{ROOT}/x"}, "exactly one of AthenaDatasetDefinition and RedshiftDatasetDefinition"),
        ({"LocalPath": "/tmp/x"}, "LocalPath must be a path below"),
        ({"LocalPath": ""}, "needs a LocalPath"),
    ],
)
def test_definitions_that_no_job_can_be_made_of(
    server: RunningServer, job_name: str, definition: dict[str, Any], text: str
) -> None:
    entry = athena("bad", "SELECT 1")
    if definition == {"LocalPath": f"{ROOT}/x"}:
        del entry["DatasetDefinition"]["AthenaDatasetDefinition"]
    entry["DatasetDefinition"] |= definition
    with pytest.raises(ClientError, match="ValidationException") as caught:
        server.boto("sagemaker").create_processing_job(**request(job_name, entry))
    assert text in caught.value.response["Error"]["Message"]
