"""Pipelines driven by boto3: steps, descriptions, how executions end, are stopped and tried again, and what is refused."""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE
from tests.pipelines import BUCKET, Pipelines, condition, document, equal, get, job, step, token

from sagewright.pipelines.step_types import step_type, step_types

if TYPE_CHECKING:
    from conftest import RunningServer


@pytest.fixture(scope="module")
def pipelines(server: RunningServer) -> Pipelines:
    return Pipelines(server)


def fails_with(error: Any) -> str:
    return "{Code}: {Message}".format(**error.value.response["Error"])


def test_branches_references_and_property_files(pipelines: Pipelines) -> None:
    report = {"PropertyFileName": "report", "OutputName": "out", "FilePath": "report.json"}
    measure = job(
        "measure", 'echo \'{"a": [{"b": 0.93}]}\' > /opt/ml/processing/out/report.json', PropertyFiles=[report]
    )
    read = {"Std:JsonGet": {"PropertyFile": get("Steps.measure.PropertyFiles.report"), "Path": "a[0].b"}}
    good = {"Type": "GreaterThanOrEqualTo", "LeftValue": read, "RightValue": get("Parameters.Least")}
    use = job("use", "test $NAME = measure", arguments={"Environment": {"NAME": get("Steps.measure.Environment.NAME")}})
    measure["Arguments"]["Environment"] = {"NAME": "measure"}
    fail = step(
        "worse", "Fail", {"ErrorMessage": {"Std:Join": {"On": " ", "Values": ["below", get("Parameters.Least")]}}}
    )
    name = pipelines.create(
        "branches", measure, condition("good", good, [use], [fail]),
        parameters=[{"Name": "Least", "Type": "Float", "DefaultValue": 0.9}],
    )  # fmt: skip
    arn = pipelines.start(name, PipelineExecutionDisplayName="first")
    described = pipelines.wait(arn)
    assert described["PipelineExecutionStatus"] == "Succeeded"
    assert described["PipelineExecutionDisplayName"] == "first"
    steps = pipelines.steps(arn)
    assert list(steps) == ["measure", "good", "use"]
    assert steps["good"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    made = steps["measure"]["Metadata"]["ProcessingJob"]["Arn"]
    assert f"/pipelines-{arn.rpartition('/')[2]}-measure-" in made
    other = pipelines.start(name, PipelineParameters=[{"Name": "Least", "Value": "0.95"}])
    described = pipelines.wait(other)
    assert described["PipelineExecutionStatus"] == "Failed"
    assert described["FailureReason"] == "Step failure: One or multiple steps failed."
    assert pipelines.steps(other)["worse"]["FailureReason"] == "below 0.95"
    values = pipelines.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=other)[
        "PipelineParameters"
    ]
    assert values == [{"Name": "Least", "Value": "0.95"}]


def test_what_fails_holds_up_only_what_needs_it_and_is_tried_again(pipelines: Pipelines) -> None:
    s3 = pipelines.server.boto("s3")
    s3.put_object(Bucket=BUCKET, Key="again/code", Body=b"exit 3")
    source = {"S3Uri": f"s3://{BUCKET}/again/", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix",
              "S3InputMode": "File"}  # fmt: skip
    given = {"ProcessingInputs": [{"InputName": "code", "S3Input": source}]}
    first = job("a", "bash /opt/ml/processing/in/code", arguments=given)
    name = pipelines.create("again", first, job("b", DependsOn=["a"]), job("c"), job("d", DependsOn=["c"]))
    arn = pipelines.start(name)
    assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Failed"
    assert pipelines.statuses(arn) == {"a": "Failed", "c": "Succeeded", "d": "Succeeded"}
    assert pipelines.steps(arn)["a"]["FailureReason"].startswith("ClientError: AlgorithmError: ")
    before = pipelines.steps(arn)
    s3.put_object(Bucket=BUCKET, Key="again/code", Body=b"exit 0")
    pipelines.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
    assert "FailureReason" not in pipelines.wait(arn)
    after = pipelines.steps(arn)
    assert {name: one["StepStatus"] for name, one in after.items()} == dict.fromkeys("cdab", "Succeeded")
    assert after["c"]["Metadata"] == before["c"]["Metadata"]
    assert after["a"]["Metadata"] != before["a"]["Metadata"]


def test_a_refused_call_says_why(pipelines: Pipelines) -> None:
    model = step("m", "Model", {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"ModelDataUrl": "s3://nowhere/x"}})
    arn = pipelines.start(pipelines.create("refused", model))
    pipelines.wait(arn)
    reason = pipelines.steps(arn)["m"]["FailureReason"]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateModel. Error Details: ")
    assert f"PipelineExecutionArn {arn} and StepId m" in reason


def test_retry_policies(pipelines: Pipelines) -> None:
    """A tuning job over its limit is tried again as the policy says, and then given up."""
    tuning = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 20_000, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": SHELL_IMAGE, "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 100},
        },
    }  # fmt: skip
    policy = {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 2}
    arn = pipelines.start(pipelines.create("retried", step("t", "Tuning", tuning, RetryPolicies=[policy])))
    assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Failed"
    found = pipelines.steps(arn)["t"]
    assert found["AttemptCount"] == 3
    assert (found["EndTime"] - found["StartTime"]).total_seconds() >= 2
    assert "service limit" in found["FailureReason"]


def test_caching(pipelines: Pipelines) -> None:
    cache = {"Enabled": True, "ExpireAfter": "PT1H"}
    parameters = [{"Name": "Word", "Type": "String", "DefaultValue": "a"}]
    cached = job("kept", arguments={"Environment": {"WORD": get("Parameters.Word")}}, CacheConfig=cache)
    name = pipelines.create("cached", cached, job("after", DependsOn=["kept"]), parameters=parameters)
    first = pipelines.start(name)
    pipelines.wait(first)
    second = pipelines.start(name)
    pipelines.wait(second)
    steps = pipelines.steps(second)
    assert steps["kept"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert steps["kept"]["Metadata"] == pipelines.steps(first)["kept"]["Metadata"]
    assert "CacheHitResult" not in steps["after"]
    third = pipelines.start(name, PipelineParameters=[{"Name": "Word", "Value": "b"}])
    pipelines.wait(third)
    assert "CacheHitResult" not in pipelines.steps(third)["kept"]


def test_no_more_at_once_than_may_be(pipelines: Pipelines) -> None:
    name = pipelines.create(
        "narrow",
        *(job(f"s{n}", "sleep 0.3") for n in range(4)),
        ParallelismConfiguration={"MaxParallelExecutionSteps": 1},
    )
    arn = pipelines.start(name)
    pipelines.wait(arn)
    times = sorted((one["StartTime"], one["EndTime"]) for one in pipelines.steps(arn).values())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(times))


def test_stop_and_go_on(pipelines: Pipelines) -> None:
    name = pipelines.create(
        "stopped", job("quick"), job("long", "sleep 100", DependsOn=["quick"]), job("last", DependsOn=["long"])
    )
    arn = pipelines.start(name)
    until = time.monotonic() + 60
    while pipelines.statuses(arn).get("long") != "Executing":
        assert time.monotonic() < until
        time.sleep(0.05)
    with pytest.raises(ClientError) as error:
        pipelines.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=token())
    assert fails_with(error).startswith("ConflictException")
    pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
    assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Stopped"
    with pytest.raises(ClientError) as error:
        pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
    assert fails_with(error).startswith("ValidationException: Only pipelines with 'Executing' status can be stopped")
    assert pipelines.statuses(arn) == {"quick": "Succeeded", "long": "Stopped"}
    stopped = pipelines.steps(arn)["long"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    described = pipelines.sagemaker.describe_processing_job(ProcessingJobName=stopped)
    assert described["ProcessingJobStatus"] == "Stopped"
    pipelines.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=token())
    with pytest.raises(pipelines.sagemaker.exceptions.ResourceNotFound):
        pipelines.describe(arn)


def test_callbacks(pipelines: Pipelines) -> None:
    sqs = pipelines.server.boto("sqs")
    url = sqs.create_queue(QueueName="callbacks")["QueueUrl"]
    outputs = [{"OutputName": "word", "OutputType": "String"}]
    ask = step("ask", "Callback", {"x": get("Parameters.X")}, SqsQueueUrl=url, OutputParameters=outputs)
    check = condition("check", equal(get("Steps.ask.OutputParameters['word']"), "yes"), [job("then")])
    name = pipelines.create("asked", ask, check, parameters=[{"Name": "X", "Type": "Integer", "DefaultValue": 5}])

    def message(arn: str) -> dict[str, Any]:
        (got,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
        body: dict[str, Any] = json.loads(got["Body"])
        assert body["pipelineExecutionArn"] == arn
        return body

    arn = pipelines.start(name)
    body = message(arn)
    assert (body["arguments"], body["status"]) == ({"x": 5}, "Executing")
    answer = {"CallbackToken": body["token"], "OutputParameters": [{"Name": "word", "Value": "yes"}]}
    pipelines.sagemaker.send_pipeline_execution_step_success(**answer)
    assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert pipelines.steps(arn)["ask"]["Metadata"]["Callback"]["OutputParameters"] == answer["OutputParameters"]
    assert "then" in pipelines.steps(arn)
    with pytest.raises(ClientError):
        pipelines.sagemaker.send_pipeline_execution_step_success(**answer)
    other = pipelines.start(name)
    token_ = message(other)["token"]
    pipelines.sagemaker.send_pipeline_execution_step_failure(CallbackToken=token_, FailureReason="no time")
    assert pipelines.wait(other)["PipelineExecutionStatus"] == "Failed"
    assert pipelines.steps(other)["ask"]["FailureReason"] == "ClientError: no time"
    third = pipelines.start(name)
    token_ = message(third)["token"]
    pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=third, ClientRequestToken=token())
    assert message(third)["status"] == "Stopping"
    assert pipelines.describe(third)["PipelineExecutionStatus"] == "Stopping"
    pipelines.sagemaker.send_pipeline_execution_step_success(CallbackToken=token_, OutputParameters=[])
    assert pipelines.wait(third)["PipelineExecutionStatus"] == "Stopped"


def test_selective_execution(pipelines: Pipelines) -> None:
    use = job("use", "test $FROM = made", arguments={"Environment": {"FROM": get("Steps.make.Environment.WORD")}})
    make = job("make", arguments={"Environment": {"WORD": "made"}})
    name = pipelines.create("chosen", make, use, job("end", DependsOn=["use"]))

    def chosen(*steps: str, **more: Any) -> dict[str, Any]:
        return {"SelectiveExecutionConfig": {"SelectedSteps": [{"StepName": one} for one in steps], **more}}

    with pytest.raises(ClientError) as error:
        pipelines.start(name, **chosen("use"))
    assert "Invalid SourcePipelineExecutionArn: null." in fails_with(error)
    first = pipelines.start(name)
    pipelines.wait(first)
    for more in ({}, {"SourcePipelineExecutionArn": first}):
        arn = pipelines.start(name, **chosen("use", **more))
        assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Succeeded"
        assert list(pipelines.steps(arn)) == ["use"]
        assert pipelines.steps(arn)["use"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": first}
    with pytest.raises(ClientError) as error:
        pipelines.start(name, **chosen("make", "end"))
    assert "steps between" in fails_with(error)


def test_a_token_starts_one_execution(pipelines: Pipelines) -> None:
    name = pipelines.create("token", job("a"))
    asked = {"PipelineName": name, "ClientRequestToken": token()}
    first, second = (pipelines.sagemaker.start_pipeline_execution(**asked)["PipelineExecutionArn"] for _ in range(2))
    assert first == second
    pipelines.wait(first)
    found = pipelines.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert [one["PipelineExecutionArn"] for one in found] == [first]


def test_an_execution_tells_its_mlflow_experiment(pipelines: Pipelines) -> None:
    fail = {"Name": "f", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}
    tracker = "arn:aws:sagemaker:us-east-1:000000000000:mlflow-tracking-server/t"
    config = {"MlflowResourceArn": tracker, "MlflowExperimentName": "first"}
    definition = {"Version": "2020-12-01", "Steps": [fail], "MlflowConfig": config}
    wanted = {"PipelineName": "with-mlflow", "RoleArn": ROLE, "PipelineDefinition": json.dumps(definition)}
    pipelines.sagemaker.create_pipeline(**wanted)
    for given, experiment in (({}, "first"), ({"MlflowExperimentName": "other"}, "other")):
        arn = pipelines.start("with-mlflow", **given)
        described = pipelines.wait(arn)["MLflowConfig"]
        assert described == {"MlflowResourceArn": tracker, "MlflowExperimentName": experiment}


def test_versions_updates_and_large_definitions(pipelines: Pipelines) -> None:
    name = pipelines.create("versions", job("a"))
    big = document(job("b"), Metadata={"note": "x" * 200_000})
    pipelines.server.boto("s3").put_object(Bucket=BUCKET, Key="definition.json", Body=big.encode())
    place = {"Bucket": BUCKET, "ObjectKey": "definition.json"}
    updated = pipelines.sagemaker.update_pipeline(PipelineName=name, PipelineDefinitionS3Location=place)
    assert updated["PipelineVersionId"] == 2
    described = pipelines.sagemaker.describe_pipeline(PipelineName=name)
    assert described["PipelineDefinition"] == big
    assert (
        "b"
        not in pipelines.sagemaker.describe_pipeline(PipelineName=name, PipelineVersionId=1)["PipelineDefinition"][:40]
    )
    old = pipelines.start(name, PipelineVersionId=1)
    pipelines.wait(old)
    assert list(pipelines.steps(old)) == ["a"]
    found = pipelines.sagemaker.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"]
    assert [one["PipelineVersionId"] for one in found] == [2, 1]
    used = pipelines.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=old)
    assert json.loads(used["PipelineDefinition"])["Steps"][0]["Name"] == "a"


def test_events_and_a_rule_that_starts_a_pipeline(pipelines: Pipelines) -> None:
    events, logs = pipelines.server.boto("events"), pipelines.server.boto("logs")
    name = pipelines.create("told", job("a", arguments={"Environment": {"W": get("Parameters.W")}}),
                            parameters=[{"Name": "W", "Type": "String", "DefaultValue": "w"}])  # fmt: skip
    arn = pipelines.sagemaker.describe_pipeline(PipelineName=name)["PipelineArn"]
    pattern = {"source": ["aws.sagemaker"], "detail": {"pipelineArn": [arn]}}
    events.put_rule(Name="told", EventPattern=json.dumps(pattern))
    group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/told"
    events.put_targets(Rule="told", Targets=[{"Id": "log", "Arn": group}])
    events.put_rule(Name="starts", EventPattern=json.dumps({"source": ["mine"]}))
    target = {"Id": "p", "Arn": arn, "RoleArn": ROLE, "SageMakerPipelineParameters": {"PipelineParameterList": [
        {"Name": "W", "Value": "$.detail.word"}]}}  # fmt: skip
    assert events.put_targets(Rule="starts", Targets=[target])["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": "mine", "DetailType": "x", "Detail": json.dumps({"word": "by event"})}])
    until = time.monotonic() + 60
    while not (found := pipelines.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]):
        assert time.monotonic() < until
        time.sleep(0.1)
    execution = found[0]["PipelineExecutionArn"]
    pipelines.wait(execution)
    values = pipelines.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution)
    assert values["PipelineParameters"] == [{"Name": "W", "Value": "by event"}]
    wanted = [
        ("execution", "Executing"),
        ("a", "Starting"),
        ("a", "Executing"),
        ("a", "Succeeded"),
        ("execution", "Succeeded"),
    ]
    while time.monotonic() < until:
        try:
            lines = [
                json.loads(one["message"]) for one in logs.filter_log_events(logGroupName="/aws/events/told")["events"]
            ]
        except ClientError:
            lines = []
        details = [one["detail"] for one in lines]
        described = [
            (
                one.get("stepName", "execution"),
                one.get("currentStepStatus") or one.get("currentPipelineExecutionStatus"),
            )
            for one in details
        ]
        if len(described) >= len(wanted):
            break
        time.sleep(0.1)
    assert sorted(described) == sorted(wanted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Unable to parse pipeline definition. Malformed JSON"),
        (document(job("a", arguments={"Dance": 1})), "Unknown Argument member 'Dance'"),
        (
            document(step("m", "Model", {"ModelName": "x", "PrimaryContainer": {"Imag": "y"}})),
            "Unknown Argument member 'Imag'",
        ),
        (document(step("a", "Processing", [])), "Expecting start of Json Object"),
    ],
)
def test_definitions_that_are_refused(pipelines: Pipelines, text: str, words: str) -> None:
    with pytest.raises(ClientError) as error:
        pipelines.sagemaker.create_pipeline(
            PipelineName="bad", PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken=token()
        )
    assert fails_with(error).startswith("ValidationException: Unable to parse pipeline definition.")
    assert words in fails_with(error)


def test_what_is_not_there_or_there_already(pipelines: Pipelines) -> None:
    pipelines.create("there", job("a"))
    with pytest.raises(ClientError) as error:
        pipelines.create("there", job("a"))
    assert "names must be unique within an AWS account and region" in fails_with(error)
    assert "already exists" in fails_with(error)
    with pytest.raises(pipelines.sagemaker.exceptions.ResourceNotFound):
        pipelines.sagemaker.describe_pipeline(PipelineName="never-made")
    with pytest.raises(ClientError) as error:
        pipelines.start("there", PipelineParameters=[{"Name": "Z", "Value": "1"}])
    assert "Unknown parameter [Z]" in fails_with(error)


@pytest.mark.parametrize("type_", sorted(one.name for one in step_types() if not one.runs))
def test_a_step_that_is_not_built_is_accepted_and_fails(pipelines: Pipelines, type_: str) -> None:
    """CreatePipeline, UpdatePipeline and DescribePipeline take its type; executions fail once they reach it."""
    arguments: dict[str, Any] = (
        {"Anything": {"Std:Join": {"Values": ["a", get("Parameters.P")]}}} if not step_type(type_).operation else {}
    )
    if type_ == "ForEach":
        body = [step("one", "Lambda", {"x": get("ForEach.CurrentItem.a")}, FunctionArn="arn:aws:lambda:::f")]
        arguments = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": body}
    it = step("it", type_, arguments, DependsOn=["a"])
    never = step("never", "Condition", {"Conditions": [equal(get("Steps.it.Status"), "x")]})
    parameters = [{"Name": "P", "Type": "String", "DefaultValue": "p"}]
    a = step("a", "Condition", {"Conditions": [equal(1, 1)]})
    name = pipelines.create(f"not-yet-{type_}", a, it, never, parameters=parameters)
    text = document(a, it, never, Parameters=parameters)
    pipelines.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=text)
    assert pipelines.sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == text
    arn = pipelines.start(name)
    assert pipelines.wait(arn)["PipelineExecutionStatus"] == "Failed"
    assert pipelines.statuses(arn) == {"a": "Succeeded", "it": "Failed"}
    reason = pipelines.steps(arn)["it"]["FailureReason"]
    assert reason.startswith(f"ClientError: Sagewright does not run steps of the type {type_} yet: ")
    assert step_type(type_).lacking in reason


def test_members_of_steps_that_are_not_built_are_checked(pipelines: Pipelines) -> None:
    for type_ in sorted(one.name for one in step_types() if one.operation and not one.runs):
        with pytest.raises(ClientError, match="Unknown Argument member 'Nothing' in step 'it'"):
            pipelines.create(f"checked-{type_}", step("it", type_, {"Nothing": 1}))


def test_steps_that_depend_on_a_failure(pipelines: Pipelines) -> None:
    """They run, those that need a success don't, and the execution is CompletedWithFailures."""

    def after(name: str, trigger: str) -> dict[str, Any]:
        depends = [{"Step": "it", "Trigger": trigger}]
        return step(name, "Condition", {"Conditions": [equal(1, 1)]}, DependsOn=depends)

    triggers = ("Failed", "Stopped", "Any", "Completed")
    name = pipelines.create("handled", step("it", "EMR", {}), *(after(one.lower(), one) for one in triggers))
    arn = pipelines.start(name)
    described = pipelines.wait(arn)
    assert described["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert pipelines.statuses(arn) == {"it": "Failed", "failed": "Succeeded", "any": "Succeeded"}
    with pytest.raises(ClientError, match="the Trigger of 'it' must be one of"):
        pipelines.create("unknown", step("it", "EMR", {}), after("other", "Sometimes"))


def test_lists_by_owner_and_by_alias(pipelines: Pipelines) -> None:
    """Nothing is managed by AWS here; aliases of versions can't be set, so no version has one."""
    name, sagemaker = pipelines.create("listed", job("a")), pipelines.sagemaker
    mine = sagemaker.list_pipelines(PipelineNamePrefix=name, ManagedBy="CUSTOMER")["PipelineSummaries"]
    assert [one["PipelineName"] for one in mine] == [name]
    assert sagemaker.list_pipelines(ManagedBy="AWS")["PipelineSummaries"] == []
    for call in (sagemaker.list_pipeline_executions, sagemaker.describe_pipeline, sagemaker.start_pipeline_execution):
        with pytest.raises(sagemaker.exceptions.ResourceNotFound, match="no version with the alias 'prod'"):
            call(PipelineName=name, PipelineVersionAlias="prod")
