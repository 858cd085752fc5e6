"""EventBridge driven by boto3 and the CLI: rules, patterns, targets, schedules, and what becomes of what happens here."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ROOT = Path(__file__).parents[3]
ARN = "arn:aws:events:us-east-1:000000000000"
SAGEMAKER = "arn:aws:sagemaker:us-east-1:000000000000"
LOGS = "arn:aws:logs:us-east-1:000000000000:log-group:"
IMAGE = "own:latest"
PATTERN = json.dumps({"source": ["tests"]})


@pytest.fixture(scope="module")
def events(server: RunningServer) -> Any:
    return server.boto("events")


@pytest.fixture
def name() -> str:
    return f"r-{uuid.uuid4().hex[:10]}"


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def eventually(probe: Callable[[], Any], timeout_s: float = 30) -> Any:
    """Returns the first true result of `probe`."""
    deadline = time.monotonic() + timeout_s
    while not (found := probe()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def logged(server: RunningServer, group: str) -> list[str]:
    """All lines of a log group, in order."""
    logs = server.boto("logs")
    try:
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    lines: list[str] = []
    for stream in streams:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, logStreamNames=[stream["logStreamName"]]
        )
        lines += [one["message"] for page in pages for one in page["events"]]
    return lines


def rule_to_log(events: Any, name: str, pattern: dict[str, Any], **target: Any) -> str:
    """A rule whose events are logged; the log group."""
    group = f"/aws/events/{name}"
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    answer = events.put_targets(Rule=name, Targets=[{"Id": "log", "Arn": LOGS + group, **target}])
    assert answer["FailedEntryCount"] == 0, answer
    return group


def test_a_rules_life(events: Any, name: str) -> None:
    made = events.put_rule(
        Name=name, EventPattern=PATTERN, Description="d", RoleArn="arn:aws:iam::000000000000:role/r",
        Tags=[{"Key": "a", "Value": "b"}],
    )  # fmt: skip
    arn = f"{ARN}:rule/{name}"
    assert made["RuleArn"] == arn
    described = events.describe_rule(Name=name)
    assert (described["Arn"], described["State"], described["EventPattern"], described["Description"]) == (
        arn,
        "ENABLED",
        PATTERN,
        "d",
    )
    assert (described["EventBusName"], described["CreatedBy"]) == ("default", "000000000000")
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "c", "Value": "d"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    events.disable_rule(Name=name)
    assert events.describe_rule(Name=name)["State"] == "DISABLED"
    events.enable_rule(Name=name)
    target = {"Id": "log", "Arn": f"{LOGS}/aws/events/x", "InputPath": "$.detail"}
    events.put_targets(Rule=name, Targets=[target])
    events.put_rule(Name=name, ScheduleExpression="rate(1 hour)", State="DISABLED")
    described = events.describe_rule(Name=name)
    assert (described["State"], described["ScheduleExpression"], "EventPattern" in described) == (
        "DISABLED",
        "rate(1 hour)",
        False,
    )
    assert events.list_targets_by_rule(Rule=name)["Targets"] == [target]
    assert events.list_rule_names_by_target(TargetArn=target["Arn"])["RuleNames"] == [name]
    assert name in [one["Name"] for one in events.list_rules(NamePrefix=name)["Rules"]]
    assert fault(events.delete_rule, Name=name)[0] == "ValidationException"
    failed = events.remove_targets(Rule=name, Ids=["none", "log"])
    assert [one["TargetId"] for one in failed["FailedEntries"]] == ["none"]
    events.delete_rule(Name=name)
    events.delete_rule(Name=name)
    assert fault(events.describe_rule, Name=name) == (
        "ResourceNotFoundException",
        f"Rule {name} does not exist on EventBus default.",
    )
    assert fault(events.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"


def test_rules_are_listed_in_pages(events: Any, name: str) -> None:
    names = [f"{name}-{number}" for number in range(5)]
    for one in names:
        events.put_rule(Name=one, EventPattern=PATTERN)
    pages = events.get_paginator("list_rules").paginate(NamePrefix=name, Limit=2)
    assert [rule["Name"] for page in pages for rule in page["Rules"]] == names
    for one in names:
        events.delete_rule(Name=one)


def test_what_is_no_rule(events: Any, name: str) -> None:
    assert fault(events.put_rule, Name=name)[0] == "ValidationException"
    code, message = fault(events.put_rule, Name=name, EventPattern='{"a": "b"}')
    assert (code, "Event pattern is not valid" in message) == ("InvalidEventPatternException", True)
    assert fault(events.put_rule, Name=name, ScheduleExpression="rate(1 hours)") == (
        "ValidationException",
        "Parameter ScheduleExpression is not valid.",
    )
    assert fault(events.put_rule, Name=name, EventPattern=PATTERN, EventBusName="own")[0] == "ResourceNotFoundException"
    assert (
        fault(events.put_targets, Rule=name, Targets=[{"Id": "a", "Arn": f"{LOGS}x"}])[0] == "ResourceNotFoundException"
    )
    assert events.describe_event_bus()["Arn"] == f"{ARN}:event-bus/default"
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]


TARGETS: dict[str, tuple[dict[str, Any], str]] = {
    "a state machine": ({"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:s"}, "sends nothing to"),
    "another account": ({"Arn": "arn:aws:sqs:us-east-1:111111111111:q"}, "not in the account"),
    "no ARN": ({"Arn": "queue"}, "sends nothing to"),
    "a stream": ({"KinesisParameters": {"PartitionKeyPath": "$"}}, "KinesisParameters"),
    "not a strategy": (
        {"Arn": f"{SAGEMAKER}:endpoint/e", "SageMakerPipelineParameters": {
            "PipelineParameterList": [{"Name": "Strategy", "Value": "slowly"}],
        }}, "not a strategy",
    ),
    "an unknown parameter": (
        {"Arn": f"{SAGEMAKER}:endpoint/e", "SageMakerPipelineParameters": {
            "PipelineParameterList": [{"Name": "Colour", "Value": "red"}],
        }}, "no parameter Colour",
    ),
}  # fmt: skip


INPUTS: dict[str, tuple[dict[str, Any], str]] = {
    "two inputs": ({"Input": "{}", "InputPath": "$"}, "Only one of"),
    "no path": ({"InputPath": "detail"}, "InputPath"),
    "no JSON": ({"Input": "{"}, "JSON"),
    "no variable": ({"InputTransformer": {"InputTemplate": '"<x>"'}}, "invalid placeholder x"),
}


@pytest.mark.parametrize("what", INPUTS)
def test_a_target_without_an_input_leaves_none(events: Any, name: str, what: str) -> None:
    changes, text = INPUTS[what]
    events.put_rule(Name=name, EventPattern=PATTERN)
    good = {"Id": "good", "Arn": f"{LOGS}/x"}
    code, message = fault(events.put_targets, Rule=name, Targets=[good, {"Id": "bad", "Arn": f"{LOGS}/x"} | changes])
    assert (code, text in message) == ("ValidationException", True)
    assert events.list_targets_by_rule(Rule=name)["Targets"] == []


@pytest.mark.parametrize("what", TARGETS)
def test_what_no_target_can_be(events: Any, name: str, what: str) -> None:
    changes, text = TARGETS[what]
    events.put_rule(Name=name, EventPattern=PATTERN)
    good = {"Id": "good", "Arn": f"{LOGS}/x"}
    answer = events.put_targets(Rule=name, Targets=[{"Id": "bad", "Arn": f"{LOGS}/x"} | changes, good])
    assert answer["FailedEntryCount"] == 1
    (failed,) = answer["FailedEntries"]
    assert (failed["TargetId"], failed["ErrorCode"], text in failed["ErrorMessage"]) == (
        "bad",
        "ValidationException",
        True,
    )
    assert [one["Id"] for one in events.list_targets_by_rule(Rule=name)["Targets"]] == ["good"]


def test_a_rule_has_five_targets(events: Any, name: str) -> None:
    events.put_rule(Name=name, EventPattern=PATTERN)
    targets = [{"Id": str(number), "Arn": f"{LOGS}/x"} for number in range(6)]
    assert fault(events.put_targets, Rule=name, Targets=targets)[0] == "LimitExceededException"
    events.put_targets(Rule=name, Targets=targets[:5])


def test_event_patterns_can_be_tried(events: Any) -> None:
    event = {
        "id": "1", "account": "0", "source": "s", "time": "2026-01-01T00:00:00Z", "region": "r", "resources": [],
        "detail-type": "d", "detail": {"n": 5},
    }  # fmt: skip
    for bound, result in ((4, True), (5, False)):
        pattern = json.dumps({"detail": {"n": [{"numeric": [">", bound]}]}})
        assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is result
    del event["region"]
    assert fault(events.test_event_pattern, EventPattern=PATTERN, Event=json.dumps(event))[0] == "ValidationException"
    assert fault(events.test_event_pattern, EventPattern="{", Event="{}")[0] == "InvalidEventPatternException"


def test_events_that_are_put_reach_the_targets_of_rules_that_match(
    server: RunningServer, events: Any, name: str
) -> None:
    pattern = {"source": [name], "detail": {"n": [{"numeric": [">=", 1]}]}}
    transformer = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '"number <n>"'}
    group = rule_to_log(events, name, pattern)
    also = rule_to_log(events, f"{name}-b", pattern, InputTransformer=transformer)
    entry = {"Source": name, "DetailType": "t", "Resources": ["arn:x"], "Time": datetime(2026, 1, 2, tzinfo=UTC)}
    answer = events.put_events(Entries=[{**entry, "Detail": json.dumps({"n": number})} for number in range(4)])
    assert answer["FailedEntryCount"] == 0
    lines = eventually(lambda: (found := logged(server, group)) and len(found) == 3 and found)
    described = [json.loads(line) for line in lines]
    assert [one["detail"]["n"] for one in described] == [1, 2, 3]
    assert [one["id"] for one in described] == [one["EventId"] for one in answer["Entries"][1:]]
    assert {key: described[0][key] for key in ("version", "source", "detail-type", "account", "time", "region", "resources")} == {
        "version": "0", "source": name, "detail-type": "t", "account": "000000000000", "time": "2026-01-02T00:00:00Z",
        "region": "us-east-1", "resources": ["arn:x"],
    }  # fmt: skip
    assert eventually(lambda: logged(server, also)[2:]) == ['"number 3"']
    events.disable_rule(Name=name)
    events.put_events(Entries=[{**entry, "Detail": '{"n": 9}'}])
    eventually(lambda: len(logged(server, also)) == 4)
    assert len(logged(server, group)) == 3


def test_entries_that_are_no_events(events: Any) -> None:
    good = {"Source": "tests", "DetailType": "t", "Detail": "{}"}
    entries = [
        good,
        good | {"Detail": "x"},
        good | {"Source": "aws.sagemaker"},
        {"Source": "tests"},
        good | {"EventBusName": "own"},
    ]
    answer = events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 3
    codes = [one.get("ErrorCode") for one in answer["Entries"]]
    assert codes == [None, "MalformedDetail", "NotAuthorizedForSource", "InvalidArgument", None]
    assert (
        fault(events.put_events, Entries=[good | {"Detail": json.dumps({"a": "x" * 300_000})}])[0]
        == "ValidationException"
    )


def test_what_happens_to_model_packages_is_told(server: RunningServer, events: Any, name: str) -> None:
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]}
    group = rule_to_log(events, name, pattern | {"detail": {"ModelPackageGroupName": [name]}})
    sagemaker = server.boto("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    specification = {"Containers": [{"Image": IMAGE}]}
    arn = sagemaker.create_model_package(ModelPackageGroupName=name, InferenceSpecification=specification)[
        "ModelPackageArn"
    ]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="fine")
    sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"a": "b"})
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    lines = eventually(lambda: (found := logged(server, group)) and len(found) == 4 and found)
    described = [json.loads(line) for line in lines]
    assert [one["resources"] for one in described] == [[arn]] * 4
    details = [one["detail"] for one in described]
    assert [one["ModelApprovalStatus"] for one in details] == [
        "PendingManualApproval",
        "Approved",
        "Approved",
        "Rejected",
    ]
    assert [one.get("UpdatedModelPackageFields") for one in details] == [
        None,
        ["ApprovalDescription", "ModelApprovalStatus"],
        ["CustomerMetadataProperties"],
        ["ApprovalDescription", "ModelApprovalStatus"],
    ]
    created = details[0]
    assert (created["ModelPackageGroupName"], created["ModelPackageVersion"], created["ModelPackageArn"]) == (
        name,
        1,
        arn,
    )
    assert (created["ModelPackageStatus"], created["InferenceSpecification"]) == ("Completed", specification)
    assert created["CreationTime"].endswith("Z")
    assert details[1]["LastModifiedBy"]["IamIdentity"]["Arn"].endswith("/admin")


def test_what_happens_to_model_cards_is_told_without_their_content(
    server: RunningServer, events: Any, name: str
) -> None:
    pattern = {"detail-type": ["SageMaker Model Card State Change"], "detail": {"ModelCardName": [name]}}
    group = rule_to_log(events, name, pattern)
    sagemaker = server.boto("sagemaker")
    sagemaker.create_model_card(ModelCardName=name, Content='{"secret": 1}', ModelCardStatus="Draft")
    sagemaker.update_model_card(ModelCardName=name, ModelCardStatus="Approved")
    lines = eventually(lambda: (found := logged(server, group)) and len(found) == 2 and found)
    details = [json.loads(line)["detail"] for line in lines]
    assert [one["ModelCardStatus"] for one in details] == ["Draft", "Approved"]
    assert "secret" not in "".join(lines)


def test_what_happens_to_jobs_is_told_in_order(server: RunningServer, events: Any, job_name: str) -> None:
    name = f"j-{uuid.uuid4().hex[:8]}"
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Training Job State Change"],
        "detail": {"TrainingJobName": [{"prefix": job_name}]},
    }
    group = rule_to_log(events, name, pattern)
    server.run_shell(job_name, "exit 3")
    assert server.wait(job_name)["TrainingJobStatus"] == "Failed"

    def ended() -> list[dict[str, Any]]:
        found = [json.loads(line)["detail"] for line in logged(server, group)]
        return found if found and found[-1]["TrainingJobStatus"] == "Failed" else []

    details = eventually(ended)
    steps = [one["SecondaryStatus"] for one in details]
    assert (steps[0], steps[-1], len(steps)) == ("Starting", "Failed", len(set(steps)))
    assert all("FailureReason" not in one for one in details[:-1])
    assert "exit code: 3" in details[-1]["FailureReason"]
    assert isinstance(details[0]["CreationTime"], int)
    assert [len(one["SecondaryStatusTransitions"]) for one in details] == list(range(1, len(details) + 1))
    assert details[0]["TrainingJobArn"] == f"{SAGEMAKER}:training-job/{job_name}"


def test_what_a_target_does_not_take_is_kept(server: RunningServer, events: Any, name: str) -> None:
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    target = {"Id": "pipeline", "Arn": f"{SAGEMAKER}:pipeline/none"}
    assert events.put_targets(Rule=name, Targets=[target])["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": "{}"}])

    def dead() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in logged(server, "/aws/events/dead-letters")]
        return [one for one in lines if one["RULE_ARN"].endswith(f"/{name}")]

    (letter,) = eventually(dead)
    assert (letter["TARGET_ARN"], letter["event"]["source"]) == (target["Arn"], name)


@pytest.mark.soak
def test_schedules(server: RunningServer, events: Any, name: str) -> None:
    """The shortest there is lasts a minute: the unit tests have the rest."""
    group = f"/aws/events/{name}"
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule=name, Targets=[{"Id": "log", "Arn": LOGS + group}])
    (line,) = eventually(lambda: logged(server, group), timeout_s=90)
    described = json.loads(line)
    assert (described["source"], described["detail-type"], described["resources"]) == (
        "aws.events",
        "Scheduled Event",
        [f"{ARN}:rule/{name}"],
    )
    events.remove_targets(Rule=name, Ids=["log"])
    events.delete_rule(Name=name)


def command(server: RunningServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [str(Path(sys.executable).parent / "sagewright"), *arguments, "--data", str(server.data)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_deploy_rules_and_models_of_the_command(server: RunningServer, events: Any, name: str) -> None:
    missing = command(server, "deploy-rule", "create", "--group", name, "--endpoint", "e")
    assert (missing.returncode, "does not exist" in missing.stderr) == (1, True)
    sagemaker = server.boto("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    bad = command(server, "deploy-rule", "create", "--group", name, "--endpoint", "e", "--strategy", "slowly")
    assert (bad.returncode, "not a strategy" in bad.stderr) == (2, True)
    rule = f"deploy-{name}-to-e"
    assert fault(events.describe_rule, Name=rule)[0] == "ResourceNotFoundException"
    made = command(
        server,
        "deploy-rule",
        "create",
        "--group",
        name,
        "--endpoint",
        "e",
        "--strategy",
        "canary:10%/5m",
        "--instances",
        "2",
    )
    assert made.returncode == 0, made.stderr
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert target["Arn"] == f"{SAGEMAKER}:endpoint/e"
    assert {one["Name"]: one["Value"] for one in target["SageMakerPipelineParameters"]["PipelineParameterList"]} == {
        "InstanceCount": "2",
        "Strategy": "canary:10%/5m",
    }
    assert rule in command(server, "deploy-rule", "list").stdout
    shown = command(server, "deploy-rule", "show", rule).stdout
    assert all(text in shown for text in (name, "canary:10%/5m", "nothing approved yet"))
    (listed,) = json.loads(command(server, "deploy-rule", "list", "-o", "json").stdout)
    assert (listed["Name"], listed["Endpoint"], listed["State"]) == (rule, "e", "ENABLED")
    (target,) = json.loads(command(server, "deploy-rule", "show", rule, "--json").stdout)["Targets"]
    assert target["Arn"] == f"{SAGEMAKER}:endpoint/e"
    sagemaker.create_model_package(
        ModelPackageGroupName=name, InferenceSpecification={"Containers": [{"Image": IMAGE}]}
    )
    rejected = command(server, "models", "reject", f"{name}/1", "--why", "not yet")
    assert rejected.returncode == 0, rejected.stderr
    assert name in command(server, "models", "list").stdout
    assert "Rejected" in command(server, "models", "list", "--group", name).stdout
    shown = command(server, "models", "show", f"{name}/1").stdout
    assert all(
        text in shown for text in ("Created", "ModelApprovalStatus", "not yet", "/admin", "PendingManualApproval")
    )
    described = json.loads(command(server, "models", "show", f"{name}/1", "--json").stdout)
    assert (described["ModelPackageVersion"], described["History"][-1]["ApprovalDescription"]) == (1, "not yet")
    gone = command(server, "models", "approve", f"{name}/2")
    assert (gone.returncode, "does not exist" in gone.stderr) == (1, True)
    assert command(server, "deploy-rule", "delete", rule).returncode == 0
    assert fault(events.describe_rule, Name=rule)[0] == "ResourceNotFoundException"
