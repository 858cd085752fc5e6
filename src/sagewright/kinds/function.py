"""Functions: one invocation of a Lambda function is a job whose process calls the handler.

The request of such a job is written by `services.aws.functions.invocations`. Source: AWS's Lambda developer guide.
"""

from __future__ import annotations

import signal
import time
from typing import Any

from sagewright.kinds.base import MAX_FAILURE, Demand, Failure, Kind, NamedJob
from sagewright.model.jobs.brief import Brief, DataListing, DataSet, FaultClass, HostGroup, InputBrief, Program, Purpose
from sagewright.model.jobs.state_machines import FUNCTION

GROUP, HOST, PLACE, NOTE = "function", "algo-1", "function", "output/message"
TOGETHER = 32
"""Maximum concurrent invocations; others wait."""
PREPARE_S = 600
"""Time allowed for preparing the environment the first time, in addition to the function's limit."""
INIT_S = 10
NOTE_BYTES = 16 << 20
STOP_GRACE_S = 1.0
SMALL_MB = 8192


class FunctionKind(Kind):
    state_machine = FUNCTION
    resource = "function"
    log_group = "/aws/lambda"
    namespace = "/aws/lambda"
    dimension = "FunctionName"
    note_bytes = NOTE_BYTES
    together = TOGETHER

    def demand(self, request: dict[str, Any]) -> Demand:
        function = request["Function"]
        return Demand(
            role_arn=function["Role"],
            image=image_of(function["Runtime"]),
            purpose=Purpose.PROCESS,
            instance_type=_instance_type(function),
            hosts=1,
            max_runtime_s=PREPARE_S + INIT_S + function["Timeout"],
            memory_gb=function["MemorySize"] / 1024,
            queued=False,
            stop_grace_s=STOP_GRACE_S,
        )

    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        function = request["Function"]
        return Brief(
            kind=self.name,
            name=job.name,
            arn=function["Arn"],
            program=Program(
                image=image_of(function["Runtime"]),
                purpose=Purpose.PROCESS,
                entrypoint=["python", "-m", "sagewright.toolkit.functions"],
            ),
            groups=[HostGroup(GROUP, _instance_type(function), [HOST])],
            resources=f"{PLACE}/resourceconfig.json",
            environment=function["Environment"],
            variables=_variables(function, request),
            documents={f"{PLACE}/invocation.json": _invocation(function, request)},
            directories=[PLACE, f"{PLACE}/code", "output"],
            inputs=[
                InputBrief(
                    title="The function's code",
                    place=f"{PLACE}/code",
                    data=DataSet(function["Code"], DataListing.PREFIX),
                )
            ],
            note=NOTE,
            note_bytes=NOTE_BYTES,
        )

    def failure_reason(self, failure: Failure) -> str:
        how = f"exit status {failure.code}"
        if failure.code > 128:
            number = failure.code - 128
            how = "signal: killed" if number == signal.SIGKILL else f"signal: {number}"
        return f"{FaultClass.ALGORITHM}: Runtime exited with error: {how}"[:MAX_FAILURE]

    def log_group_of(self, request: dict[str, Any]) -> str:
        group: str = request["Function"]["LogGroup"]
        return group

    def log_stream(self, job: str, host: str, at_ms: int, request: dict[str, Any]) -> str:  # noqa: ARG002
        return log_stream_of(request)

    def arn(self, region: str, account: str, name: str) -> str:
        """Returns an ARN for an invocation; clients never see it."""
        return f"arn:aws:lambda:{region}:{account}:invocation:{name}"


def image_of(runtime: str) -> str:
    """Returns the base image of a runtime: `python3.12` gives the image for that Python."""
    return f"sagewright/sagemaker-base-python:py{runtime.removeprefix('python').replace('.', '')}"


def log_stream_of(request: dict[str, Any]) -> str:
    day = time.strftime("%Y/%m/%d", time.gmtime(request["AtMs"] / 1000))
    return f"{day}/[$LATEST]{request['RequestId'].replace('-', '')}"


def _instance_type(function: dict[str, Any]) -> str:
    return "ml.m5.large" if function["MemorySize"] <= SMALL_MB else "ml.m5.xlarge"


def _variables(function: dict[str, Any], request: dict[str, Any]) -> dict[str, str]:
    """Returns a function's environment variables. Source: AWS's guide, "Using Lambda environment variables", the defined ones."""
    return {
        "_HANDLER": function["Handler"],
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": function["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function["LogGroup"],
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_of(request),
        "LAMBDA_TASK_ROOT": "/opt/ml/function/task",
        "TZ": ":UTC",
    }


def _invocation(function: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    return {
        "request_id": request["RequestId"],
        "handler": function["Handler"],
        "timeout_s": function["Timeout"],
        "memory_mb": function["MemorySize"],
        "name": function["FunctionName"],
        "arn": request["InvokedArn"],
        "log_group": function["LogGroup"],
        "log_stream": log_stream_of(request),
        "event": request["Payload"],
        "client_context": request.get("ClientContext"),
    }
