"""Lambda driven by boto3: functions made, changed, invoked, held to their limits; steps of pipelines and targets of rules."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE
from tests.functions import Functions, archive
from tests.pipelines import Pipelines, condition, get, step

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
EVERYTHING = """
import json, logging, os, sys, time
import boto3
logging.getLogger().setLevel("INFO")
def handler(event, context):
    print("a line")
    logging.info("of %s", context.function_name)
    do = event.get("do")
    if do == "raise": raise ValueError("no luck")
    if do == "exit": os._exit(3)
    if do == "leave": sys.exit()
    if do == "sleep": time.sleep(event["seconds"])
    if do == "eat": return len(bytearray(event["mib"] << 20))
    if do == "unwritable": return {1, 2}
    if do == "long": return "x" * 7_000_000
    if do == "reach": return [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"]]
    if do == "who": return boto3.client("sts").get_caller_identity()["Arn"]
    return {"event": event, "word": os.environ["WORD"], "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis(),
            "custom": context.client_context and context.client_context.custom, "id": context.aws_request_id}
"""


@pytest.fixture(scope="module")
def functions(server: RunningServer) -> Functions:
    made = Functions(server)
    made.create("everything", EVERYTHING, Environment={"Variables": {"WORD": "w"}}, Tags={"a": "b"})
    return made


def fault(call: Any, **request: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    described = caught.value.response
    return described["Error"]["Code"], described["Error"]["Message"], described["ResponseMetadata"]["HTTPStatusCode"]


def test_a_function_is_made_told_changed_and_deleted(functions: Functions) -> None:
    client = functions.client
    made = functions.create("plain", "def handler(event, context): return 1", Description="d")
    assert made["FunctionArn"] == f"{ARN}plain"
    assert (made["State"], made["LastUpdateStatus"], made["Version"]) == ("Active", "Successful", "$LATEST")
    client.get_waiter("function_active_v2").wait(FunctionName="plain", WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    assert fault(client.create_function, FunctionName="plain", Runtime="python3.11", Role=ROLE, Handler="a.b",
                 Code={"ZipFile": archive(a="")})[::2] == ("ResourceConflictException", 409)  # fmt: skip
    described = client.get_function(FunctionName=f"{ARN}plain:$LATEST")
    assert described["Configuration"]["CodeSha256"] == made["CodeSha256"]
    assert client.get_function_configuration(FunctionName="000000000000:function:plain")["Description"] == "d"
    names = [one["FunctionName"] for page in client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
             for one in page["Functions"]]  # fmt: skip
    assert names == sorted({*names, "plain", "everything"})
    changed = client.update_function_configuration(
        FunctionName="plain", Timeout=7, Environment={"Variables": {"AB": "1"}}
    )
    assert (changed["Timeout"], changed["Environment"]) == (7, {"Variables": {"AB": "1"}})
    code = {"ZipFile": archive(app="def handler(event, context): return 2")}
    stale = made["RevisionId"]
    assert fault(client.update_function_code, FunctionName="plain", RevisionId=stale, **code)[2] == 412
    assert client.update_function_code(FunctionName="plain", **code)["CodeSha256"] != made["CodeSha256"]
    assert functions.invoke("plain")[1] == 2
    client.tag_resource(Resource=f"{ARN}plain", Tags={"x": "1", "y": "2"})
    client.untag_resource(Resource=f"{ARN}plain", TagKeys=["x"])
    assert (
        client.list_tags(Resource=f"{ARN}plain")["Tags"]
        == client.get_function(FunctionName="plain")["Tags"]
        == {"y": "2"}
    )
    client.add_permission(
        FunctionName="plain", StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    (statement,) = json.loads(client.get_policy(FunctionName="plain")["Policy"])["Statement"]
    assert (statement["Principal"], statement["Resource"]) == ({"Service": "events.amazonaws.com"}, f"{ARN}plain")
    client.remove_permission(FunctionName="plain", StatementId="s")
    assert fault(client.get_policy, FunctionName="plain")[::2] == ("ResourceNotFoundException", 404)
    client.delete_function(FunctionName="plain")
    assert fault(client.invoke, FunctionName="plain")[:2] == (
        "ResourceNotFoundException",
        f"Function not found: {ARN}plain",
    )


def test_what_is_refused(functions: Functions) -> None:
    client = functions.client
    good = {"FunctionName": "refused", "Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler",
            "Code": {"ZipFile": archive(app="")}}  # fmt: skip
    refused = (
        ({"Runtime": "nodejs20.x"}, "does not support the Runtime nodejs20.x"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}, "layers"),
        ({"Publish": True}, "versions"),
        ({"PackageType": "Image", "Code": {"ImageUri": "i"}}, "container images"),
        ({"Code": {"ZipFile": b"no archive"}}, "Could not unzip"),
        ({"Code": {"S3Bucket": "nowhere-at-all", "S3Key": "k"}}, "NoSuchBucket"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "reserved keys"),
        ({"Environment": {"Variables": {"AB": "x" * 5000}}}, "4096 byte limit"),
        ({"Timeout": 901}, "at most 900"),
    )
    for members, words in refused:
        code, message, status = fault(client.create_function, **{**good, **members})
        assert (code, status) == ("InvalidParameterValueException", 400), members
        assert words in message
    code, message, status = fault(client.invoke, FunctionName="everything", Qualifier="3")
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert "no versions or aliases" in message
    assert fault(client.invoke, FunctionName="everything", Payload=b"no json")[::2] == (
        "InvalidRequestContentException",
        400,
    )
    assert fault(client.invoke, FunctionName="everything", Payload=b'"' + b"x" * 6_300_000 + b'"')[2] == 413


def test_an_invocation_has_its_event_environment_context_and_rights(functions: Functions) -> None:
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    described, payload = functions.invoke("everything", {"n": [1, "ü"]}, ClientContext=context, LogType="Tail")
    assert (described["StatusCode"], described["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in described
    assert payload["event"] == {"n": [1, "ü"]}
    assert (payload["word"], payload["arn"], payload["memory"]) == ("w", f"{ARN}everything", "256")
    assert payload["custom"] == {"k": "v"}
    assert 0 < payload["left"] <= 30_000
    tail = base64.b64decode(described["LogResult"]).decode()
    assert "\tDuration: " in tail, "the report line is divided by tabs"
    assert f"START RequestId: {payload['id']}" in tail
    assert "a line" in tail
    assert "of everything" in tail
    assert "Max Memory Used" in tail
    events = functions.server.boto("logs").filter_log_events(
        logGroupName="/aws/lambda/everything", filterPattern="REPORT"
    )
    assert any(payload["id"] in one["message"] for one in events["events"])
    functions.server.boto("s3").create_bucket(Bucket="seen-by-functions")
    assert "seen-by-functions" in functions.invoke("everything", {"do": "reach"})[1]
    assert functions.invoke("everything", {"do": "who"})[1].rsplit("/", 2)[1] == ROLE.rsplit("/", 1)[1]
    assert functions.client.invoke(FunctionName="everything", InvocationType="DryRun")["StatusCode"] == 204


ENDS = (
    ("raise", "ValueError", "no luck"),
    ("exit", "Runtime.ExitError", "exit status 3"),
    ("leave", "Runtime.ExitError", "without providing a reason"),
    ("unwritable", "Runtime.MarshalError", "not JSON serializable"),
    ("long", "Function.ResponseSizeTooLarge", "6291556"),
)


@pytest.mark.parametrize(("do", "kind", "words"), ENDS)
def test_errors_come_as_lambda_tells_them(functions: Functions, do: str, kind: str, words: str) -> None:
    described, payload = functions.invoke("everything", {"do": do})
    assert (described["StatusCode"], described["FunctionError"]) == (200, "Unhandled")
    assert payload["errorType"] == kind
    assert words in payload["errorMessage"]
    if do == "raise":
        assert any("in handler" in line for line in payload["stackTrace"])


def test_a_module_that_cannot_be_loaded(functions: Functions) -> None:
    wrong = {
        "absent.handler": "Runtime.ImportModuleError",
        "app.nothing": "Runtime.HandlerNotFound",
        "broken.handler": "Runtime.UserCodeSyntaxError",
    }
    functions.create("wrong", "", Code={"ZipFile": archive(app="x = 1", broken="def handler(")})
    for handler, kind in wrong.items():
        functions.client.update_function_configuration(FunctionName="wrong", Handler=handler)
        assert functions.invoke("wrong")[1]["errorType"] == kind


def test_time_and_memory_are_held(functions: Functions) -> None:
    source = EVERYTHING.replace("import boto3\n", "")
    functions.create("held", source, Timeout=1, MemorySize=128, Environment={"Variables": {"WORD": "w"}})
    began = time.monotonic()
    described, payload = functions.invoke("held", {"do": "sleep", "seconds": 60})
    assert payload["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in payload["errorMessage"]
    assert time.monotonic() - began < 30
    assert functions.invoke("held", {"do": "eat", "mib": 20})[1] == 20 << 20
    described, payload = functions.invoke("held", {"do": "eat", "mib": 400})
    assert described["FunctionError"] == "Unhandled"
    assert "signal: killed" in payload["errorMessage"]


def test_invocations_run_side_by_side_and_alone(functions: Functions) -> None:
    """Two that wait for each other both end, and none sees what another has left."""
    source = """
import os, time, boto3
s3 = boto3.client("s3")
def handler(event, context):
    seen = os.path.exists("/tmp/mine")
    open("/tmp/mine", "w").close()
    s3.put_object(Bucket="meetings", Key=event["me"])
    while s3.list_objects_v2(Bucket="meetings")["KeyCount"] < 3: time.sleep(0.1)
    return seen
"""
    functions.server.boto("s3").create_bucket(Bucket="meetings")
    functions.create("meet", source, Timeout=60)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda me: functions.invoke("meet", {"me": me})[1], "abc"))
    assert found == [False, False, False]


def test_from_s3_by_event_and_by_a_rule(functions: Functions) -> None:
    source = """
import boto3, json
def handler(event, context):
    boto3.client("s3").put_object(Bucket="by-event", Key=event["key"], Body=json.dumps(event))
"""
    s3 = functions.server.boto("s3")
    s3.create_bucket(Bucket="by-event")
    s3.put_object(Bucket="by-event", Key="code.zip", Body=archive(app=source))
    functions.create("noted", "", Code={"S3Bucket": "by-event", "S3Key": "code.zip"})
    s3.delete_object(Bucket="by-event", Key="code.zip")  # the function has a copy
    described, payload = functions.invoke("noted", {"key": "sent"}, InvocationType="Event")
    assert (described["StatusCode"], payload) == (202, None)
    events = functions.server.boto("events")
    events.put_rule(Name="noted", EventPattern=json.dumps({"source": ["tests.functions"]}))
    target = {"Id": "f", "Arn": f"{ARN}noted", "InputPath": "$.detail"}
    assert events.put_targets(Rule="noted", Targets=[target])["FailedEntryCount"] == 0
    events.put_events(
        Entries=[{"Source": "tests.functions", "DetailType": "t", "Detail": json.dumps({"key": "ruled"})}]
    )
    for key in ("sent", "ruled"):
        s3.get_waiter("object_exists").wait(Bucket="by-event", Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    events.remove_targets(Rule="noted", Ids=["f"])
    events.delete_rule(Name="noted")


OUTPUTS = [{"OutputName": "count", "OutputType": "Integer"}, {"OutputName": "word", "OutputType": "String"},
           {"OutputName": "nested", "OutputType": "String"}]  # fmt: skip


def test_as_a_step_of_a_pipeline(functions: Functions) -> None:
    pipelines = Pipelines(functions.server)
    source = """
def handler(event, context):
    if event.get("fail"): raise RuntimeError("not today")
    return {"count": event["n"] * 2, "word": event["word"], "nested": {"a": 1}, "undeclared": 1}
"""
    arn = functions.create("stepped", source)["FunctionArn"]
    first = step("first", "Lambda", {"n": get("Parameters.N"), "word": "w"}, FunctionArn=arn, OutputParameters=OUTPUTS,
                 CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"})  # fmt: skip
    big = {"Type": "GreaterThan", "LeftValue": get("Steps.first.OutputParameters['count']"), "RightValue": 10}
    second = step("second", "Lambda", {"n": get("Steps.first.OutputParameters['count']"), "word": "v"}, FunctionArn=arn,
                  OutputParameters=OUTPUTS)  # fmt: skip
    fails = step("fails", "Lambda", {"fail": True}, FunctionArn=arn)
    name = pipelines.create(
        "functions", first, condition("big", big, [second], [fails]),
        parameters=[{"Name": "N", "Type": "Integer", "DefaultValue": 21}],
    )  # fmt: skip
    one = pipelines.start(name)
    assert pipelines.wait(one)["PipelineExecutionStatus"] == "Succeeded"
    described = pipelines.steps(one)
    assert described["first"]["Metadata"]["Lambda"] == {
        "Arn": arn,
        "OutputParameters": [{"Name": "count", "Value": "42"}, {"Name": "word", "Value": "w"},
                             {"Name": "nested", "Value": '{"a": 1}'}],
    }  # fmt: skip
    assert described["second"]["Metadata"]["Lambda"]["OutputParameters"][0]["Value"] == "84"
    again = pipelines.start(name)
    pipelines.wait(again)
    assert pipelines.steps(again)["first"]["CacheHitResult"] == {"SourcePipelineExecutionArn": one}
    other = pipelines.start(name, PipelineParameters=[{"Name": "N", "Value": "1"}])
    assert pipelines.wait(other)["PipelineExecutionStatus"] == "Failed"
    assert (
        pipelines.steps(other)["fails"]["FailureReason"]
        == f"ClientError: The function {arn} failed: RuntimeError: not today"
    )


def test_a_step_whose_function_is_not_there(functions: Functions) -> None:
    pipelines = Pipelines(functions.server)
    arn = pipelines.start(pipelines.create("absent", step("f", "Lambda", {}, FunctionArn=f"{ARN}absent")))
    assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Failed"
    assert f"Function not found: {ARN}absent" in pipelines.steps(arn)["f"]["FailureReason"]


HOSTILE = """
import os, signal, subprocess
def handler(event, context):
    do, ml = event["do"], os.environ.get("SAGEWRIGHT_ML_ROOT", "/opt/ml")
    if do == "leave":
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        return "left"
    if do == "kill": os.kill(os.getppid(), signal.SIGKILL)
    if do == "link": os.symlink("/etc/passwd", f"{ml}/output/message")
    if do == "lie":
        with open(f"{ml}/function/result.json", "w") as file: file.write('["no JSON", false]')
        os._exit(0)
    if do == "odd": raise ValueError("\\ud800 and \\0")
    if do == "text": return {"word": "\\ud800 and \\0"}
    if do == "nan": return {"number": float("nan")}
"""


def test_what_a_hostile_function_does_is_its_own_end_alone(functions: Functions) -> None:
    functions.create("hostile", HOSTILE, Timeout=20)
    assert functions.invoke("hostile", {"do": "leave"})[1] == "left"
    for do in ("kill", "link", "lie"):
        described, payload = functions.invoke("hostile", {"do": do})
        assert described["FunctionError"] == "Unhandled", do
        assert payload["errorType"] == "Runtime.ExitError"
        assert "root:" not in json.dumps(payload)


@pytest.mark.parametrize(
    ("do", "output", "status", "words"),
    [
        ("odd", None, "Failed", "ValueError: ? and \N{REPLACEMENT CHARACTER}"),
        ("text", {"OutputName": "word", "OutputType": "String"}, "Succeeded", ""),
        (
            "nan",
            {"OutputName": "number", "OutputType": "Float"},
            "Failed",
            "'number', which is to be of the type Float",
        ),
    ],
)
def test_a_step_ends_whatever_its_function_says(
    functions: Functions, do: str, output: dict[str, str] | None, status: str, words: str
) -> None:
    pipelines = Pipelines(functions.server)
    made = step("f", "Lambda", {"do": do}, FunctionArn=f"{ARN}hostile", OutputParameters=[output] if output else [])
    arn = pipelines.start(pipelines.create(f"hostile-{do}", made))
    assert pipelines.wait(arn, 30)["PipelineExecutionStatus"] == status
    described = pipelines.steps(arn)["f"]
    assert words in described.get("FailureReason", "")
