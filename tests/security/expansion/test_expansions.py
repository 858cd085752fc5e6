"""A small request that would make a large document: the step or the request fails, and nobody else notices.

Each case passed 2 GiB, or held a thread for many seconds, before there were budgets (sagewright.model.budgets).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from botocore.exceptions import ClientError
from tests.functions import Functions
from tests.pipelines import BUCKET, Pipelines, condition, equal, get, step

if TYPE_CHECKING:
    from conftest import RunningServer

PROMPT_S = 4.0
MOST_GROWTH = 200 << 20
BIG = [{"Name": "P", "Type": "String", "DefaultValue": "x" * 900_000}]
MIDDLE = [{"Name": "P", "Type": "String", "DefaultValue": "x" * 30_000}]
PARAMETER = get("Parameters.P")
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
WORD = [{"OutputName": "word", "OutputType": "String"}]


@pytest.fixture(scope="module")
def own(server_with: Callable[..., RunningServer]) -> RunningServer:
    return server_with(SAGEWRIGHT_READY_SANDBOXES="0")


@contextmanager
def unnoticed(server: RunningServer) -> Iterator[None]:
    """Another client writes all the while, and the server's memory is watched."""
    assert server.process is not None
    process, client = psutil.Process(server.process.pid), server.boto("cloudwatch")
    before, over = process.memory_info().rss, threading.Event()
    most = [0.0, 0.0]  # memory in bytes, and the longest wait in seconds

    def watch() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], process.memory_info().rss - before)

    def write() -> None:
        while not over.wait(0.05):
            began = time.monotonic()
            client.put_metric_data(Namespace="Bystander", MetricData=[{"MetricName": "m", "Value": 1.0}])
            most[1] = max(most[1], time.monotonic() - began)

    threads = [threading.Thread(target=one) for one in (watch, write)]
    for one in threads:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in threads:
            one.join()
    assert most[0] < MOST_GROWTH
    assert 0 < most[1] < PROMPT_S


def join(on: str, values: list[Any]) -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": values}}


def nested(depth: int) -> Any:
    return PARAMETER if depth == 0 else join("", [nested(depth - 1)] * 32)


def fail(message: Any) -> dict[str, Any]:
    return step("s", "Fail", {"ErrorMessage": message})


def function(name: str, called: str = "none", **arguments: Any) -> dict[str, Any]:
    return step(name, "Lambda", arguments, FunctionArn=ARN + called, OutputParameters=WORD)


CASES: dict[str, tuple[list[Any], list[Any]]] = {
    "one parameter 1,000 times": ([fail(join("", [PARAMETER] * 1000))], BIG),
    "nested joins": ([fail(nested(3))], MIDDLE),
    "a large On": ([fail(join("x" * 900_000, ["a"] * 1000))], []),
    "a condition": ([condition("s", equal(join("", [PARAMETER] * 1000), "a"), [])], BIG),
    "arguments of a function": ([function("s", a=join("", [PARAMETER] * 1000))], BIG),
    "80 steps with 10 MB": ([function(f"s{one}", a=join("", [PARAMETER] * 11)) for one in range(80)], BIG),
    "80 steps with 3.6 MB": ([function(f"s{one}", a=[PARAMETER] * 4) for one in range(80)], BIG),
}


@pytest.mark.parametrize("case", CASES)
def test_a_definition(own: RunningServer, case: str) -> None:
    steps, parameters = CASES[case]
    pipelines = Pipelines(own)
    with unnoticed(own):
        name = pipelines.create(
            case.replace(" ", "-").replace(",", "").replace(".", "-"), *steps, parameters=parameters
        )
        arn = pipelines.start(name)
        assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Failed"
        found = pipelines.steps(arn)
    assert len(found) == len(steps)
    reasons = [one["FailureReason"] for one in found.values()]
    assert sum("larger than" in one for one in reasons) >= len(steps) - 10, reasons[-1]


def test_the_output_of_a_function_900_times(own: RunningServer) -> None:
    Functions(own).create("large", "def handler(event, context):\n    return {'word': 'x' * 1_000_000}\n")
    pipelines = Pipelines(own)
    word = get("Steps.f.OutputParameters['word']")
    with unnoticed(own):
        arn = pipelines.start(pipelines.create("outputs", function("f", "large"), fail(join("", [word] * 900))))
        pipelines.wait(arn)
        found = pipelines.steps(arn)
    assert found["f"]["StepStatus"] == "Succeeded"
    assert "larger than 4194304 bytes: at least" in found["s"]["FailureReason"]


def test_a_large_file_in_80_steps(own: RunningServer) -> None:
    pipelines = Pipelines(own)
    own.boto("s3").put_object(Bucket=BUCKET, Key="large.json", Body=json.dumps({"a": "x" * 12_000_000}).encode())
    read = {"Std:JsonGet": {"S3Uri": f"s3://{BUCKET}/large.json", "Path": "a"}}
    with unnoticed(own):
        arn = pipelines.start(pipelines.create("files", *(function(f"s{one}", a=read) for one in range(80))))
        pipelines.wait(arn)
        found = pipelines.steps(arn)
    assert all("at most 4194304 can be read" in one["FailureReason"] for one in found.values())


def test_an_experiment_of_a_joined_name(own: RunningServer) -> None:
    """It is named again each time that the execution is described."""
    pipelines = Pipelines(own)
    config = {"ExperimentName": join("", [PARAMETER] * 1000), "TrialName": "t"}
    text = json.dumps({"Version": "2020-12-01", "Parameters": BIG, "PipelineExperimentConfig": config,
                       "Steps": [condition("c", equal(1, 1), [])]})  # fmt: skip
    with unnoticed(own):
        role = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
        pipelines.sagemaker.create_pipeline(
            PipelineName="named", PipelineDefinition=text, RoleArn=role, ClientRequestToken="t" * 32
        )
        described = pipelines.wait(pipelines.start("named"))
    assert "PipelineExperimentConfig" not in described


def test_metric_math(own: RunningServer) -> None:
    client, now = own.boto("cloudwatch"), int(time.time()) // 60 * 60
    for first in range(0, 500, 250):
        data = [{"MetricName": "m", "Value": 1.0, "Timestamp": now - 60 * one} for one in range(first, first + 250)]
        client.put_metric_data(Namespace="Math", MetricData=data)
    metric = {"Metric": {"Namespace": "Math", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    window = {"StartTime": now - 60 * 500, "EndTime": now + 60}
    metrics = [{"Id": f"m{one}", "MetricStat": metric} for one in range(250)]
    sums = [{"Id": f"e{one}", "Expression": f"SUM(METRICS()) + m{one}"} for one in range(250)]
    with unnoticed(own):
        found = client.get_metric_data(MetricDataQueries=metrics + sums, **window)["MetricDataResults"]
    assert sum(len(one["Values"]) for one in found) == 100_800
    heavy = [
        {"Id": f"e{one}", "Expression": "+".join(f"m0*{one}.{inner}" for inner in range(60))} for one in range(499)
    ]
    with unnoticed(own), pytest.raises(ClientError, match="larger than 3000000 values"):
        client.get_metric_data(MetricDataQueries=[metrics[0], *heavy], **window)


def test_many_steps_are_listed_by_pages(own: RunningServer) -> None:
    """The last pages cost what the first ones do: nothing reads all steps or the definition."""
    pipelines = Pipelines(own)
    steps = [condition(f"c{one}", equal(1, 1), [], Description="d" * 300) for one in range(1000)]
    with unnoticed(own):
        arn = pipelines.start(pipelines.create("many", *steps))
        pipelines.wait(arn)
        names: list[str] = []
        took: list[float] = []
        asked = {"PipelineExecutionArn": arn, "MaxResults": 20, "SortOrder": "Ascending"}
        process = psutil.Process(own.process.pid)  # type: ignore[union-attr]
        while True:
            began = sum(process.cpu_times()[:2])
            page = pipelines.sagemaker.list_pipeline_execution_steps(**asked)
            took.append(sum(process.cpu_times()[:2]) - began)
            names += [one["StepName"] for one in page["PipelineExecutionSteps"]]
            if "NextToken" not in page:
                break
            asked["NextToken"] = page["NextToken"]
    assert names == [f"c{one}" for one in range(1000)]
    assert sum(took) / len(took) < 0.1  # 0.3 s when all rows and the definition were read
