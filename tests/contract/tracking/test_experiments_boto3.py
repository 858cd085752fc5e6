"""Experiments, trials, trial components and their metrics, driven by boto3."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.pipelines import Pipelines, document, get, job, step, token
from tests.tuning import Tuners, request

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:sagemaker:us-east-1:000000000000:"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.fixture(scope="module")
def sagemaker(server: RunningServer) -> Any:
    server.boto("s3").create_bucket(Bucket="tracked")
    return server.boto("sagemaker")


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def soon(look: Callable[[], Any], wanted: Any) -> None:
    """Search knows a little later of what has changed."""
    until = time.monotonic() + 10
    while (found := look()) != wanted and time.monotonic() < until:
        time.sleep(0.1)
    assert found == wanted


def processing(sagemaker: Any, name: str, **changes: Any) -> None:
    """A job that ends at once."""
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        Environment={"DEPTH": "3", "MODE": "quick"},
        **changes,
    )


def test_an_experiments_life(sagemaker: Any) -> None:
    arn = sagemaker.create_experiment(ExperimentName="Life-One", Description="d", Tags=[{"Key": "a", "Value": "b"}])
    assert arn["ExperimentArn"] == f"{ARN}experiment/life-one"
    described = sagemaker.describe_experiment(ExperimentName="LIFE-one")
    assert (described["ExperimentName"], described["DisplayName"], described["Description"]) == (
        "Life-One",
        "Life-One",
        "d",
    )
    assert described["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:")
    assert "Tags" not in described
    code, message = fault(sagemaker.create_experiment, ExperimentName="life-ONE")
    assert code == "ValidationException"
    assert "already exists" in message
    sagemaker.update_experiment(ExperimentName="life-one", DisplayName="Shown")
    described = sagemaker.describe_experiment(ExperimentName="Life-One")
    assert (described["DisplayName"], described["Description"]) == ("Shown", "d")
    assert described["LastModifiedTime"] >= described["CreationTime"]
    assert sagemaker.list_tags(ResourceArn=arn["ExperimentArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    sagemaker.create_trial(TrialName="Life-Trial", ExperimentName="life-one")
    assert sagemaker.describe_trial(TrialName="life-trial")["ExperimentName"] == "Life-One"
    assert fault(sagemaker.delete_experiment, ExperimentName="Life-One")[0] == "ValidationException"
    sagemaker.delete_trial(TrialName="LIFE-trial")
    sagemaker.delete_experiment(ExperimentName="Life-One")
    assert fault(sagemaker.describe_experiment, ExperimentName="Life-One")[0] == "ResourceNotFound"
    assert fault(sagemaker.create_trial, TrialName="x", ExperimentName="Life-One")[0] == "ResourceNotFound"
    assert fault(sagemaker.describe_trial, TrialName="life-trial")[0] == "ResourceNotFound"


def test_lists(sagemaker: Any) -> None:
    for name in ("list-b", "List-A", "list-c"):
        sagemaker.create_experiment(ExperimentName=name)
    pages = sagemaker.get_paginator("list_experiments").paginate(
        SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 1}
    )
    names = [one["ExperimentName"] for page in pages for one in page["ExperimentSummaries"]]
    assert [one for one in names if one.lower().startswith("list-")] == ["List-A", "list-b", "list-c"]
    for name in ("list-1", "list-2"):
        sagemaker.create_trial(TrialName=name, ExperimentName="list-a")
        sagemaker.create_trial_component(TrialComponentName=f"{name}-part")
        sagemaker.associate_trial_component(TrialName=name, TrialComponentName=f"{name}-part")
    sagemaker.associate_trial_component(TrialName="list-2", TrialComponentName="list-1-part")

    def of(**asked: Any) -> list[str]:
        return [one["TrialName"] for one in sagemaker.list_trials(SortOrder="Ascending", **asked)["TrialSummaries"]]

    assert of(ExperimentName="LIST-a") == ["list-1", "list-2"]
    assert of(TrialComponentName="list-1-part") == ["list-1", "list-2"]
    assert of(TrialComponentName="list-2-part") == ["list-2"]
    assert of(ExperimentName="list-b") == []
    parts = lambda **asked: sorted(  # noqa: E731
        one["TrialComponentName"] for one in sagemaker.list_trial_components(**asked)["TrialComponentSummaries"]
    )
    assert parts(TrialName="list-2") == ["list-1-part", "list-2-part"]
    assert parts(ExperimentName="list-a") == ["list-1-part", "list-2-part"]
    assert parts(TrialName="list-1") == ["list-1-part"]
    assert fault(sagemaker.list_trials, ExperimentName="none")[0] == "ResourceNotFound"
    assert parts(CreatedAfter=datetime(2100, 1, 1, tzinfo=UTC)) == []


def test_a_components_life(sagemaker: Any) -> None:
    sagemaker.create_experiment(ExperimentName="parts")
    sagemaker.create_trial(TrialName="parts-trial", ExperimentName="parts")
    start = datetime(2024, 5, 1, 12, tzinfo=UTC)
    arn = sagemaker.create_trial_component(
        TrialComponentName="Part",
        Status={"PrimaryStatus": "InProgress", "Message": "m"},
        StartTime=start,
        Parameters={"lr": {"NumberValue": 0.1}, "kind": {"StringValue": "a"}},
        InputArtifacts={"data": {"MediaType": "text/csv", "Value": "s3://b/k"}},
    )["TrialComponentArn"]
    assert arn == f"{ARN}experiment-trial-component/part"
    assert sagemaker.describe_trial_component(TrialComponentName=arn)["TrialComponentName"] == "Part"
    sagemaker.update_trial_component(
        TrialComponentName="part",
        Status={"PrimaryStatus": "Completed"},
        EndTime=start,
        Parameters={"lr": {"NumberValue": 0.2}, "depth": {"NumberValue": 3}, "never": {"StringValue": "kept"}},
        ParametersToRemove=["kind", "never"],
        InputArtifactsToRemove=["data"],
        OutputArtifacts={"model": {"Value": "s3://b/m"}},
    )
    described = sagemaker.describe_trial_component(TrialComponentName="PART")
    assert described["Parameters"] == {"lr": {"NumberValue": 0.2}, "depth": {"NumberValue": 3.0}}
    assert described["InputArtifacts"] == {}
    assert described["OutputArtifacts"] == {"model": {"Value": "s3://b/m"}}
    assert (described["StartTime"], described["EndTime"]) == (start, start)
    assert described["Status"]["PrimaryStatus"] == "Completed"
    many = {f"p{number}": {"NumberValue": number} for number in range(299)}
    code, message = fault(sagemaker.update_trial_component, TrialComponentName="part", Parameters=many)
    assert (code, "300" in message) == ("ValidationException", True)
    for _ in range(2):  # again is the same
        sagemaker.associate_trial_component(TrialName="parts-trial", TrialComponentName="part")
    assert fault(sagemaker.delete_trial_component, TrialComponentName="part") == (
        "ValidationException",
        f"TrialComponent '{arn}' is linked to 1 or more trials and cannot be deleted.",
    )
    assert fault(sagemaker.delete_trial, TrialName="parts-trial")[0] == "ValidationException"
    sagemaker.disassociate_trial_component(TrialName="parts-trial", TrialComponentName="part")
    gone = {"TrialName": "parts-trial", "TrialComponentName": "part"}
    assert fault(sagemaker.disassociate_trial_component, **gone)[0] == "ResourceNotFound"
    sagemaker.delete_trial_component(TrialComponentName="part")
    assert fault(sagemaker.describe_trial_component, TrialComponentName="part")[0] == "ResourceNotFound"
    sagemaker.delete_trial(TrialName="parts-trial")


def test_metrics(server: RunningServer, sagemaker: Any) -> None:
    metrics = server.boto("sagemaker-metrics")
    arn = sagemaker.create_trial_component(TrialComponentName="measured")["TrialComponentArn"]
    began = 1_700_000_040
    values = [4.0, 1.0, 7.0]
    data = [
        {
            "MetricName": "loss",
            "Timestamp": datetime.fromtimestamp(began + 30 * step, UTC),
            "Step": step,
            "Value": value,
        }
        for step, value in enumerate(values)
    ]
    assert "Errors" not in metrics.batch_put_metrics(TrialComponentName="measured", MetricData=data)
    (described,) = sagemaker.describe_trial_component(TrialComponentName="measured")["Metrics"]
    assert (described["MetricName"], described["Min"], described["Max"], described["Last"], described["Count"]) == (
        "loss",
        1.0,
        7.0,
        7.0,
        3,
    )
    assert described["Avg"] == pytest.approx(4.0)
    assert described["StdDev"] == pytest.approx(6**0.5)
    query = {"MetricName": "loss", "ResourceArn": arn, "XAxisType": "IterationNumber", "Period": "IterationNumber"}
    by_time = query | {"XAxisType": "Timestamp", "Period": "OneMinute"}
    queries = [
        query | {"MetricStat": "Last"},
        by_time | {"MetricStat": "Max"},
        by_time | {"MetricStat": "Count", "Start": began + 30},
        by_time | {"MetricStat": "Max", "XAxisType": "IterationNumber"},
        query | {"MetricStat": "Last", "ResourceArn": f"{ARN}experiment-trial-component/none"},
    ]
    found = metrics.batch_get_metrics(MetricQueries=queries)["MetricQueryResults"]
    assert [one["Status"] for one in found] == ["Complete"] * 3 + ["ValidationError"] * 2
    assert (found[0]["XAxisValues"], found[0]["MetricValues"]) == ([0, 1, 2], values)
    minute = began // 60 * 60
    assert (found[1]["XAxisValues"], found[1]["MetricValues"]) == ([minute, minute + 60], [4.0, 7.0])
    assert found[2]["MetricValues"] == [1.0, 1.0]
    for first in range(1, 500, 10):
        more = [{**data[0], "MetricName": f"m{number}"} for number in range(first, first + 10)]
        errors = metrics.batch_put_metrics(TrialComponentName="measured", MetricData=more).get("Errors", [])
    assert errors == [{"Code": "METRIC_LIMIT_EXCEEDED", "MetricIndex": 9}]  # 499 and loss are 500
    assert len(sagemaker.describe_trial_component(TrialComponentName="measured")["Metrics"]) == 500
    assert fault(metrics.batch_put_metrics, TrialComponentName="none", MetricData=data)[0] == "ResourceNotFound"


def test_search(server: RunningServer, sagemaker: Any) -> None:
    metrics = server.boto("sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="found")
    sagemaker.create_trial(TrialName="found-trial", ExperimentName="found")
    for name, depth, score in (("found-a", 1, 0.5), ("found-b", 2, 0.9), ("found-c", 3, 0.7)):
        sagemaker.create_trial_component(TrialComponentName=name, Parameters={"max.depth": {"NumberValue": depth}})
        sagemaker.associate_trial_component(TrialName="found-trial", TrialComponentName=name)
        point = {"MetricName": "score", "Timestamp": datetime.now(UTC), "Value": score}
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=[point])

    def names(*filters: tuple[str, str, str], **more: Any) -> list[str]:
        expression = {"Filters": [dict(zip(("Name", "Operator", "Value"), one, strict=True)) for one in filters]}
        answer = sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression=expression, **more)
        return [one["TrialComponent"]["TrialComponentName"] for one in answer["Results"]]

    own = ("Parents.ExperimentName", "Equals", "found")
    soon(lambda: names(own, SortBy="Metrics.score.Max"), ["found-b", "found-c", "found-a"])
    assert names(own, ("parameters.max.depth", "LessThan", "3"), SortBy="metrics.score.max") == ["found-b", "found-a"]
    assert names(own, SortBy="Metrics.score.Last", SortOrder="Ascending") == ["found-a", "found-c", "found-b"]
    assert names(own, ("Parameters.max.depth", "GreaterThan", "1"), SortBy="Parameters.max.depth") == [
        "found-c",
        "found-b",
    ]
    assert names(own, ("Metrics.score.Max", "GreaterThan", "0.8")) == ["found-b"]
    assert names(("TrialComponentName", "Equals", "found-a"), ("Parents.TrialName", "Equals", "found-trial")) == [
        "found-a"
    ]
    sagemaker.disassociate_trial_component(TrialName="found-trial", TrialComponentName="found-a")
    soon(lambda: sorted(names(own)), ["found-b", "found-c"])
    filters = [{"Name": "ExperimentName", "Operator": "Equals", "Value": "found"}]
    (one,) = sagemaker.search(Resource="Experiment", SearchExpression={"Filters": filters})["Results"]
    assert one["Experiment"]["ExperimentArn"] == f"{ARN}experiment/found"
    (one,) = sagemaker.search(Resource="ExperimentTrial", SearchExpression={"Filters": filters})["Results"]
    parts = [part["TrialComponentName"] for part in one["Trial"]["TrialComponentSummaries"]]
    assert sorted(parts) == ["found-b", "found-c"]


def test_components_of_jobs(sagemaker: Any) -> None:
    sagemaker.create_experiment(ExperimentName="Jobs")
    sagemaker.create_trial(TrialName="jobs-trial", ExperimentName="jobs")
    config = {
        "ExperimentName": "jobs",
        "TrialName": "jobs-trial",
        "TrialComponentDisplayName": "Shown",
        "RunName": "run",
    }
    processing(sagemaker, "Tracked-1", ExperimentConfig=config)
    described = sagemaker.describe_trial_component(TrialComponentName="tracked-1-aws-processing-job")
    assert described["TrialComponentName"] == "Tracked-1-aws-processing-job"
    assert (described["DisplayName"], described["Source"]["SourceType"]) == ("Shown", "SageMakerProcessingJob")
    assert described["Source"]["SourceArn"] == f"{ARN}processing-job/Tracked-1"
    assert described["Parameters"]["DEPTH"] == {"NumberValue": 3.0}
    assert described["Parameters"]["SageMaker.InstanceType"] == {"StringValue": "ml.m5.large"}
    assert described["InputArtifacts"]["SageMaker.ImageUri"]["Value"] == IMAGE
    listed = sagemaker.list_trial_components(SourceArn=described["Source"]["SourceArn"].lower())[
        "TrialComponentSummaries"
    ]
    assert [one["TrialComponentName"] for one in listed] == ["Tracked-1-aws-processing-job"]
    assert listed[0]["TrialComponentSource"] == described["Source"]
    (summary,) = sagemaker.list_trial_components(TrialName="jobs-trial")["TrialComponentSummaries"]
    assert summary["TrialComponentName"] == "Tracked-1-aws-processing-job"
    sagemaker.update_trial_component(
        TrialComponentName=described["TrialComponentName"], Parameters={"DEPTH": {"NumberValue": 4}}
    )
    described = sagemaker.describe_trial_component(TrialComponentName=described["TrialComponentName"])
    assert described["Parameters"]["DEPTH"] == {"NumberValue": 4.0}
    assert described["Parameters"]["MODE"] == {"StringValue": "quick"}

    processing(sagemaker, "tracked-2", ExperimentConfig={"ExperimentName": "jobs"})
    (trial,) = sagemaker.list_trials(TrialComponentName="tracked-2-aws-processing-job")["TrialSummaries"]
    assert sagemaker.describe_trial(TrialName=trial["TrialName"])["ExperimentName"] == "Jobs"

    def refused(**config: str) -> str:
        code = fault(lambda **more: processing(sagemaker, "tracked-3", **more), ExperimentConfig=config)[0]
        assert fault(sagemaker.describe_processing_job, ProcessingJobName="tracked-3")[0] == "ValidationException"
        return code

    assert refused(ExperimentName="none") == "ResourceNotFound"
    assert refused(ExperimentName="jobs", TrialName="none") == "ResourceNotFound"
    sagemaker.create_experiment(ExperimentName="others")
    assert refused(ExperimentName="others", TrialName="jobs-trial") == "ValidationException"


def test_components_of_jobs_that_nobody_tracks(sagemaker: Any) -> None:
    processing(sagemaker, "untracked-1")
    processing(sagemaker, "untracked-2")
    processing(sagemaker, "untracked-3")
    described = sagemaker.describe_trial_component(TrialComponentName="untracked-1-aws-processing-job")
    assert described["Source"]["SourceArn"].endswith("processing-job/untracked-1")
    names = lambda: {  # noqa: E731
        one["TrialComponentName"]
        for page in sagemaker.get_paginator("list_trial_components").paginate()
        for one in page["TrialComponentSummaries"]
    }
    assert {f"untracked-{number}-aws-processing-job" for number in (1, 2, 3)} <= names()
    filters = [{"Name": "Source.SourceArn", "Operator": "Equals", "Value": f"{ARN}processing-job/untracked-3"}]

    def found() -> list[str]:
        answer = sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression={"Filters": filters})
        return [one["TrialComponent"]["TrialComponentName"] for one in answer["Results"]]

    soon(found, ["untracked-3-aws-processing-job"])
    sagemaker.delete_trial_component(TrialComponentName="untracked-2-aws-processing-job")
    assert "untracked-2-aws-processing-job" not in names()
    assert (
        fault(sagemaker.describe_trial_component, TrialComponentName="untracked-2-aws-processing-job")[0]
        == "ResourceNotFound"
    )
    ended(sagemaker, "untracked-1")
    status = lambda: sagemaker.describe_trial_component(TrialComponentName="untracked-1-aws-processing-job")["Status"]  # noqa: E731
    over = status()["PrimaryStatus"]
    assert over == sagemaker.describe_processing_job(ProcessingJobName="untracked-1")["ProcessingJobStatus"]
    sagemaker.delete_processing_job(ProcessingJobName="untracked-1")
    described = sagemaker.describe_trial_component(TrialComponentName="untracked-1-aws-processing-job")
    assert described["Status"]["PrimaryStatus"] == over
    assert described["Parameters"]["DEPTH"] == {"NumberValue": 3.0}
    assert "EndTime" in described


def ended(sagemaker: Any, name: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] in {"Completed", "Failed"}:
            return
        time.sleep(0.2)
    raise TimeoutError(name)


def test_jobs_of_pipelines(server: RunningServer, sagemaker: Any) -> None:
    pipes = Pipelines(server)
    written = {"ExperimentName": get("Execution.PipelineName"), "TrialName": get("Execution.PipelineExecutionId")}
    arn = tracked(pipes, "Pipe-Tracked", written)
    trial = arn.rpartition("/")[2]
    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExperimentConfig"]
    assert described == {"ExperimentName": "Pipe-Tracked", "TrialName": trial}
    assert sagemaker.describe_trial(TrialName=trial)["ExperimentName"] == "Pipe-Tracked"
    parts = sagemaker.list_trial_components(TrialName=trial)["TrialComponentSummaries"]
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    jobs = {one["Metadata"]["ProcessingJob"]["Arn"] for one in steps}
    assert {one["TrialComponentSource"]["SourceArn"] for one in parts} == jobs
    assert len(jobs) == 2
    again = tracked(pipes, "Pipe-Tracked", None)
    assert again.rpartition("/")[2] not in trials_of(sagemaker, "pipe-tracked")
    tracked(pipes, "pipe-named", {"ExperimentName": "pipe-own", "TrialName": get("Parameters.Trial")}, "first")
    assert trials_of(sagemaker, "pipe-own") == ["first"]
    tracked(pipes, "pipe-named", {"ExperimentName": "pipe-own", "TrialName": get("Parameters.Trial")}, "first")
    assert len(sagemaker.list_trial_components(TrialName="first")["TrialComponentSummaries"]) == 4


def test_training_jobs_of_a_tuning_step(server: RunningServer, sagemaker: Any) -> None:
    pipes, tuners = Pipelines(server), Tuners(server)
    arguments = request("-", jobs=2)
    del arguments["HyperParameterTuningJobName"]
    text = document(
        step("tune", "Tuning", arguments),
        PipelineExperimentConfig={"ExperimentName": "pipe-tuned", "TrialName": get("Execution.PipelineExecutionId")},
    )
    sagemaker.create_pipeline(
        PipelineName="pipe-tuned", PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken=token()
    )
    arn = pipes.run("pipe-tuned")["PipelineExecutionArn"]
    tuner = pipes.steps(arn)["tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    children = {one["TrainingJobArn"] for one in tuners.children(tuner)}
    parts = sagemaker.list_trial_components(TrialName=arn.rpartition("/")[2])["TrialComponentSummaries"]
    assert {one["TrialComponentSource"]["SourceArn"] for one in parts} == children
    assert len(children) == 2
    for child in children:
        tags = {one["Key"]: one["Value"] for one in sagemaker.list_tags(ResourceArn=child)["Tags"]}
        assert tags["sagemaker:pipeline-execution-arn"] == arn


def trials_of(sagemaker: Any, experiment: str) -> list[str]:
    return [one["TrialName"] for one in sagemaker.list_trials(ExperimentName=experiment)["TrialSummaries"]]


def tracked(pipes: Pipelines, name: str, config: Any, trial: str = "none") -> str:
    """An execution of two jobs that has succeeded."""
    parameters = [{"Name": "Trial", "Type": "String", "DefaultValue": trial}]
    text = document(job("A"), job("B"), Parameters=parameters, PipelineExperimentConfig=config)
    asked = {"PipelineName": name, "PipelineDefinition": text, "RoleArn": ROLE}
    try:
        pipes.sagemaker.create_pipeline(ClientRequestToken=token(), **asked)
    except ClientError:  # it is there already
        pipes.sagemaker.update_pipeline(**asked)
    arn = pipes.start(name)
    assert pipes.wait(arn)["PipelineExecutionStatus"] == "Succeeded"
    return arn
