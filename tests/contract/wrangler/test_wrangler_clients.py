"""Data Wrangler's flows as processing jobs: by SDK v2, by boto3, by the command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sagewright.studio.wrangling.programs import ExportPlace, programs
from sagewright.wrangler import flows

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"
SAGEWRIGHT = Path(sys.executable).parent / "sagewright"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "663277389841.dkr.ecr.us-east-1.amazonaws.com/sagemaker-data-wrangler-container:3.x"
BUCKET = "wrangler-boto3"


def node(
    node_id: str, operator: str, parameters: dict[str, Any], before: str, kind: str = "TRANSFORM"
) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "type": kind,
        "operator": operator,
        "parameters": parameters,
        "inputs": [{"name": "df", "node_id": before, "output_name": "default"}] if before else [],
        "outputs": [{"name": "default"}],
    }


def flow() -> dict[str, Any]:
    """A flow of nine steps; the seventh scales a column of text."""
    context = {"s3Uri": f"s3://{BUCKET}/orders/", "s3ContentType": "csv", "s3HasHeader": True, "s3FieldDelimiter": ","}
    definition = {"datasetSourceType": "S3", "name": "orders", "s3ExecutionContext": context}
    texts = {"schema": {"id": "long", "price": "string", "kind": "string"}}
    lower, strip = (
        {"operator": f"{title} case", f"{title.lower()}_case_parameters": {"input_column": "kind"}}
        for title in ("Lower", "Upper")
    )
    scaler = {"scaler": "Min-max scaler", "min_max_scaler_parameters": {"input_column": ["price"]}}
    nodes = [
        node("s", "sagemaker.s3_source_0.1", {"dataset_definition": definition}, "", "SOURCE"),
        {**node("1", "sagemaker.spark.infer_and_cast_type_0.1", {}, "s"), "trained_parameters": texts},
        node("2", "sagemaker.spark.format_string_0.1", lower, "1"),
        node("3", "sagemaker.spark.format_string_0.1", strip, "2"),
        node("4", "sagemaker.spark.custom_formula_0.1", {"formula": "id % 2", "output_column": "odd"}, "3"),
        node("5", "sagemaker.spark.manage_rows_0.1", {"operator": "Drop duplicates"}, "4"),
        node("6", "sagemaker.spark.custom_pandas_0.1", {"code": "df['twice'] = df['id'] * 2"}, "5"),
        node("7", "sagemaker.spark.process_numeric_0.1", {"operator": "Scale values", "scale_values_parameters": scaler}, "6"),
        node("8", "sagemaker.spark.s3_destination_0.1", {"output_config": {"output_path": f"s3://{BUCKET}/own/"}}, "7", "DESTINATION"),
    ]  # fmt: skip
    return {"metadata": {"version": 1, "disable_limits": False}, "nodes": nodes, "internal_metadata": {"kept": True}}


@pytest.fixture(scope="module")
def s3(server: RunningServer) -> Any:
    client = server.boto("s3")
    client.create_bucket(Bucket=BUCKET)
    rows = "".join(f"{number},{number}.5,Kind\n" for number in range(300))
    client.put_object(Bucket=BUCKET, Key="orders/a.csv", Body=b"id,price,kind\n" + rows.encode())
    client.put_object(Bucket=BUCKET, Key="broken/a.csv", Body=b"id,price,kind\n" + rows.encode())
    client.put_object(Bucket=BUCKET, Key="broken/b.csv", Body=b'id,price,kind\n400,4,x\n401,"1.299,00",x\n')
    client.put_object(Bucket=BUCKET, Key="flows/x.flow", Body=json.dumps(flow()).encode())
    return client


def start(server: RunningServer, name: str, source: str, outputs: list[str], arguments: list[str]) -> dict[str, Any]:
    client = server.boto("sagemaker")
    inputs = {"flow": f"s3://{BUCKET}/flows/x.flow", "orders": source}
    client.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE, **({"ContainerArguments": arguments} if arguments else {})},
        ProcessingInputs=[
            {"InputName": key, "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{key}", "S3DataType": "S3Prefix", "S3InputMode": "File"}}
            for key, uri in inputs.items()
            if uri
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {"OutputName": key, "S3Output": {"S3Uri": f"s3://{BUCKET}/{name}", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}}
                for key in outputs
            ]
        },
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )  # fmt: skip
    for _ in range(900):
        found: dict[str, Any] = client.describe_processing_job(ProcessingJobName=name)
        if found["ProcessingJobStatus"] not in {"InProgress", "Stopping"}:
            return found
        time.sleep(0.2)
    raise AssertionError(found)


def keys(s3: Any, prefix: str) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


def test_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "wrangler_v2.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()[-3000:]
    assert "status: Completed: the flow ran" in done.stdout
    assert "file: part-00000.csv ['id,age,kind', '1,20.0,a', '2,,b', '3,40.0,a']" in done.stdout
    assert (
        "file: part-00000.csv ['id,age,kind_a,kind_b', '1,20.0,1.0,0.0', '2,,0.0,1.0', '3,40.0,1.0,0.0']" in done.stdout
    )
    assert "file: manifest/data_wrangler_output.manifest" in done.stdout
    assert "fitted: ['a', 'b']" in done.stdout


def test_a_destination_of_its_own_and_sources_without_inputs(server: RunningServer, s3: Any, job_name: str) -> None:
    job = start(server, job_name, "", [], [])
    assert job["ProcessingJobStatus"] == "Completed", job
    text = s3.get_object(Bucket=BUCKET, Key="own/part-00000.csv")["Body"].read().decode()
    assert text.splitlines()[:2] == ["id,price,kind,odd,twice", "0,0.0,KIND,0,0"]
    assert len(text.splitlines()) == 301


def test_a_wrong_value_in_step_7_is_named_and_nothing_is_written(server: RunningServer, s3: Any, job_name: str) -> None:
    job = start(
        server,
        job_name,
        f"s3://{BUCKET}/broken/",
        ["8.default"],
        ["--output-config", '{"8.default": {"content_type": "CSV"}}'],
    )
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == (
        "Customer Error: Step sagemaker.spark.process_numeric_0.1 (node 7), column price, row 302: '1.299,00' is not a number."
    )
    assert keys(s3, f"{job_name}/") == []


@pytest.mark.parametrize(
    ("outputs", "arguments", "text"),
    [
        (["nowhere.default"], [], "The output nowhere.default names a node that the flow does not have."),
        (["8.default"], ["--output-config", "{"], "The value of --output-config is not JSON"),
        (["8.default"], ["--output-config", '{"8.default": {"content_type": "AVRO"}}'], "AVRO is not supported"),
        (["8.default"], ["--turbo", "1"], "There is no argument '--turbo'"),
    ],
)  # fmt: skip
def test_requests_that_cannot_run_say_why(server: RunningServer, s3: Any, job_name: str, outputs: list[str], arguments: list[str], text: str) -> None:  # fmt: skip
    job = start(server, job_name[:60], f"s3://{BUCKET}/orders/", outputs, arguments)
    assert job["ProcessingJobStatus"] == "Failed"
    assert text in job["ExitMessage"]


def test_the_command(server: RunningServer, s3: Any, tmp_path: Path) -> None:
    file = tmp_path / "orders.flow"
    file.write_text(json.dumps(flow()))
    target = f"s3://{BUCKET}/command/"
    done = subprocess.run(
        [SAGEWRIGHT, "wrangle", file, "--input", f"s3://{BUCKET}/orders/", "--output", target, "--refit", "--data", server.data],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "step 6 manage_rows Drop duplicates (node 5): rows in 300, rows out 300, columns 4, " in done.stdout
    took = dict(re.findall(r"\(node (\d)\): .*, columns \d+, (\d+\.\d s|streamed)$", done.stdout, re.MULTILINE))
    assert took["2"] == "streamed"  # the case of letters
    assert float(took["6"].removesuffix(" s")) > 0  # pandas holds all rows
    fitted = json.loads(s3.get_object(Bucket=BUCKET, Key="command/orders.flow")["Body"].read())
    assert fitted["internal_metadata"] == {"kept": True}
    assert fitted["nodes"][7]["trained_parameters"]["scale_values_parameters"][0]["input_column"] == "price"
    wrong = subprocess.run(
        [SAGEWRIGHT, "wrangle", file, "--input", f"other=s3://{BUCKET}/orders/", "--output", target, "--data", server.data],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "The flow has no source 'other'; it has orders." in wrong.stdout + wrong.stderr


def test_a_printed_step_of_a_pipeline_and_a_fitted_flow_before_a_model(server: RunningServer, tmp_path: Path) -> None:
    bucket = "sagemaker-us-east-1-000000000000"
    prefix = f"s3://{bucket}/wrangler-steps"
    context = {"s3Uri": f"{prefix}/in/", "s3ContentType": "csv", "s3HasHeader": True, "s3FieldDelimiter": ","}
    definition = {"datasetSourceType": "S3", "name": "rows", "s3ExecutionContext": context}
    scaler = {"scaler": "Min-max scaler", "min_max_scaler_parameters": {"input_column": ["size"]}}
    nodes = [
        node("s", "sagemaker.s3_source_0.1", {"dataset_definition": definition}, "", "SOURCE"),
        node("types", "sagemaker.spark.infer_and_cast_type_0.1", {}, "s"),
        node("scale", "sagemaker.spark.process_numeric_0.1", {"operator": "Scale values", "scale_values_parameters": scaler}, "types"),
    ]  # fmt: skip
    text = json.dumps({"metadata": {"version": 1}, "nodes": nodes})
    s3 = server.boto("s3")
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="wrangler-steps/steps.flow", Body=text.encode())
    s3.put_object(Bucket=bucket, Key="wrangler-steps/in/a.csv", Body=b"id,size\n1,20\n2,30\n3,40\n")
    s3.put_object(Bucket=bucket, Key="wrangler-steps/batch-in/rows.csv", Body=b"1,20\n2,25\n7,40\n")
    place = ExportPlace("wrangler-steps", f"{prefix}/steps.flow", f"{prefix}/out", ROLE)
    printed = {label: program for label, _, program in programs(flows.read(text.encode()), place)}
    (tmp_path / "step.py").write_text(printed["Pipeline"])
    done = server.sdk_v2(PROGRAMS / "wrangler_steps_v2.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()[-3000:]
    said = [line for line in done.stdout.splitlines() if line.split(":")[0] in {"step", "rows", "answer", "batch"}]
    assert said == [
        "step: Prepare Succeeded ",
        "rows: ['id,size', '1,0.0', '2,0.5', '3,1.0']",
        "answer: [['1.0'], ['103.0']]",
        "batch: ['1.0', '27.0', '107.0']",
    ], done.stdout + done.stderr
