"""Lineage that the server records for jobs, models, packages and endpoints, read by boto3 a moment later."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import ROLE, SHELL_IMAGE
from tests.hosting import BUCKET, ECHO, Hosting
from tests.pipelines import Pipelines, get, job

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:sagemaker:us-east-1:000000000000:"
PROGRAMS = Path(__file__).parents[1] / "programs"
Row = tuple[str, str, str]
SEEN = [
    "jobs: [True]",
    f"data: ['s3://{BUCKET}/lineage/words']",
    "components: [True]",
    "processing: [] []",
    "execution: None",
    "actions: ['Approval', 'Approval', 'ModelDeployment']",
    "models: 4 {'ModelArtifact'}",
    f"its data: ['s3://{BUCKET}/lineage/words']",
    "endpoints of the data: [True]",
    f"group's execution: {ARN}pipeline/p/execution/e",
    "training_job_name: [('Input', 'DataSet', 'ContributedTo', 'artifact'), "
    "('Input', 'Image', 'ContributedTo', 'artifact'), ('Output', 'Model', 'Produced', 'artifact')]",
    "model_package_arn: [('Input', 'Approval', 'ContributedTo', 'action'), "
    "('Input', 'Approval', 'ContributedTo', 'action'), ('Input', 'Image', 'ContributedTo', 'artifact'), "
    "('Input', 'Model', 'ContributedTo', 'artifact'), ('Output', 'Model', 'ContributedTo', 'artifact'), "
    "('Output', 'ModelDeployment', 'ContributedTo', 'action'), ('Output', 'ModelGroup', 'AssociatedWith', 'context')]",
    "endpoint_arn: [('Input', 'ModelDeployment', 'AssociatedWith', 'action')]",
]
"""The SDKs' view of the chain from data to an endpoint."""


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as hosting:
        yield hosting


@pytest.fixture(scope="module")
def sagemaker(server: RunningServer) -> Any:
    return server.boto("sagemaker")


def soon(look: Callable[[], Any], wanted: Any) -> None:
    until = time.monotonic() + 20
    while (found := look()) != wanted and time.monotonic() < until:
        time.sleep(0.1)
    assert found == wanted


def neighbours(sagemaker: Any, arn: str) -> list[Row]:
    """How, of which type and from where: what leads to an entity, and what follows from it."""
    try:
        before = sagemaker.list_associations(DestinationArn=arn, MaxResults=100)["AssociationSummaries"]
        after = sagemaker.list_associations(SourceArn=arn, MaxResults=100)["AssociationSummaries"]
    except sagemaker.exceptions.ResourceNotFound:
        return []
    rows = [("from " + one["AssociationType"], one["SourceType"], where(sagemaker, one["SourceArn"])) for one in before]
    return sorted(
        rows
        + [
            ("to " + one["AssociationType"], one["DestinationType"], where(sagemaker, one["DestinationArn"]))
            for one in after
        ]
    )


def where(sagemaker: Any, arn: str) -> str:
    """An artifact's URI, the name of anything else."""
    if ":artifact/" not in arn:
        return arn.rpartition("/")[2]
    uri: str = sagemaker.describe_artifact(ArtifactArn=arn)["Source"]["SourceUri"]
    return uri


def artifact(sagemaker: Any, uri: str) -> str:
    found = sagemaker.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
    return found[0]["ArtifactArn"] if found else f"{ARN}artifact/none"


def test_a_training_job(server: RunningServer, sagemaker: Any, hosting: Hosting, job_name: str) -> None:
    hosting.s3.put_object(Bucket=BUCKET, Key="lineage/train/x", Body=b"x")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/lineage/train"}
    checkpoints = f"s3://{BUCKET}/lineage/checkpoints"
    server.run_shell(
        job_name,
        "true",
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        CheckpointConfig={"S3Uri": checkpoints},
    )
    part = f"{ARN}experiment-trial-component/{job_name}-aws-training-job".lower()
    soon(
        lambda: [one for one in neighbours(sagemaker, part) if one[0].startswith("from")],
        [
            ("from ContributedTo", "DataSet", f"s3://{BUCKET}/lineage/train"),
            ("from ContributedTo", "Image", SHELL_IMAGE),
        ],
    )
    model = server.wait(job_name)["ModelArtifacts"]["S3ModelArtifacts"]
    soon(
        lambda: [one for one in neighbours(sagemaker, part) if one[0].startswith("to")],
        [("to Produced", "Checkpoint", checkpoints), ("to Produced", "Model", model)],
    )
    found = sagemaker.list_associations(DestinationArn=artifact(sagemaker, model), SourceType="SageMakerTrainingJob")
    assert [one["SourceArn"] for one in found["AssociationSummaries"]] == [part]
    query = sagemaker.query_lineage(
        StartArns=[artifact(sagemaker, model)], Filters={"Types": ["TrainingJob"], "LineageTypes": ["TrialComponent"]}
    )
    assert query["Vertices"] == [{"Arn": part, "Type": "TrainingJob", "LineageType": "TrialComponent"}]


def test_what_failed_has_left_nothing(server: RunningServer, sagemaker: Any, job_name: str) -> None:
    server.run_shell(job_name, "exit 1")
    server.wait(job_name)
    part = f"{ARN}experiment-trial-component/{job_name}-aws-training-job".lower()
    soon(lambda: neighbours(sagemaker, part), [("from ContributedTo", "Image", SHELL_IMAGE)])
    time.sleep(1)
    assert neighbours(sagemaker, part) == [("from ContributedTo", "Image", SHELL_IMAGE)]


def test_jobs_of_a_pipeline_say_which_execution_they_belong_to(server: RunningServer, sagemaker: Any) -> None:
    flow = Pipelines(server)
    first = job("first", "echo x > /opt/ml/processing/out/x")
    place = get("Steps.first.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    given = {
        "InputName": "in",
        "S3Input": {
            "S3Uri": place,
            "LocalPath": "/opt/ml/processing/in",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }
    second = job("second", arguments={"ProcessingInputs": [given]})
    arn: str = flow.run(flow.create("traced", first, second))["PipelineExecutionArn"]
    described = {name: one["Metadata"]["ProcessingJob"]["Arn"] for name, one in flow.steps(arn).items()}
    uri = f"s3://pipes/{arn.rpartition('/')[2]}/first"

    def jobs() -> list[Row]:
        return neighbours(sagemaker, artifact(sagemaker, uri))

    names = {step: f"{one.rpartition('/')[2]}-aws-processing-job".lower() for step, one in described.items()}
    soon(
        jobs,
        [
            ("from Produced", "SageMakerProcessingJob", names["first"]),
            ("to ContributedTo", "SageMakerProcessingJob", names["second"]),
        ],
    )
    made = sagemaker.describe_artifact(ArtifactArn=artifact(sagemaker, uri))
    assert made["MetadataProperties"]["GeneratedBy"] == arn
    tags = {one["Key"]: one["Value"] for one in sagemaker.list_tags(ResourceArn=described["first"])["Tags"]}
    assert tags["sagemaker:pipeline-execution-arn"] == arn


def trained_model(server: RunningServer, hosting: Hosting, job: str) -> str:
    """The URI of a model that serves, which a job of that name has made of data."""
    script = textwrap.dedent(ECHO).replace("WORD", "traced")
    hosting.s3.put_object(Bucket=BUCKET, Key="lineage/words/inference.py", Body=script.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/lineage/words"}
    server.run_shell(
        job,
        "cp -r /opt/ml/input/data/train /opt/ml/model/code",
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
    )
    data: str = server.wait(job)["ModelArtifacts"]["S3ModelArtifacts"]
    return data


def seen_by_sdks(server: RunningServer, job: str, package: str) -> None:
    for client, root in (("sdk_v2", "sagemaker.lineage"), ("sdk_v3", "sagemaker.core.lineage")):
        done = getattr(server, client)(PROGRAMS / "lineage_seen_sdk.py", root, job, package, "traced")
        assert done.returncode == 0, done.stdout + done.stderr + server.log()
        assert done.stdout.splitlines()[-len(SEEN) :] == SEEN


def test_from_data_to_an_endpoint(server: RunningServer, sagemaker: Any, hosting: Hosting, job_name: str) -> None:
    data = trained_model(server, hosting, job_name)
    hosting.model("traced", ModelDataUrl=data)
    container = sagemaker.describe_model(ModelName="traced")["PrimaryContainer"]
    sagemaker.create_model_package_group(ModelPackageGroupName="traced-group")
    specification = {
        "Containers": [{name: container[name] for name in ("Image", "ModelDataUrl", "Environment")}],
        "SupportedContentTypes": ["text/plain"],
        "SupportedResponseMIMETypes": ["text/plain"],
    }
    package = sagemaker.create_model_package(
        ModelPackageGroupName="traced-group",
        InferenceSpecification=specification,
        MetadataProperties={"GeneratedBy": f"{ARN}pipeline/p/execution/e"},
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    soon(
        lambda: [
            (how, kind, name.replace(name.split("-")[4], "AT") if kind == "Approval" else name)
            for how, kind, name in neighbours(sagemaker, artifact(sagemaker, package))
        ],
        [
            ("from ContributedTo", "Approval", "traced-group-1-approved-AT-aws-model-group"),
            ("from ContributedTo", "Approval", "traced-group-1-pendingmanualapproval-AT-aws-model-group"),
            ("from ContributedTo", "Image", SHELL_IMAGE),
            ("from ContributedTo", "Model", data),
            ("to AssociatedWith", "ModelGroup", "traced-group-aws-model-group"),
        ],
    )
    (group,) = sagemaker.list_contexts(SourceUri=f"{ARN}model-package-group/traced-group")["ContextSummaries"]
    described = sagemaker.describe_context(ContextName=group["ContextName"])
    assert described["Properties"]["PipelineExecutionArn"] == f"{ARN}pipeline/p/execution/e"

    hosting.create_model("packaged", ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": package})
    hosting.endpoint("traced", hosting.variant("one", "packaged"))
    endpoint = f"{ARN}context/traced-aws-endpoint"
    action = "traced-traced-config-aws-endpoint"
    soon(lambda: neighbours(sagemaker, endpoint), [("from AssociatedWith", "ModelDeployment", action)])
    (summary,) = sagemaker.list_contexts(SourceUri=f"{ARN}endpoint/traced")["ContextSummaries"]
    assert (summary["ContextArn"], summary["ContextType"]) == (endpoint, "Endpoint")
    assert neighbours(sagemaker, f"{ARN}action/{action}") == [
        ("from ContributedTo", "Image", SHELL_IMAGE),
        ("from ContributedTo", "Model", package),
        ("from ContributedTo", "Model", f"{ARN}model/packaged"),
        ("to AssociatedWith", "Endpoint", "traced-aws-endpoint"),
    ]
    found = sagemaker.query_lineage(StartArns=[endpoint], Direction="Ascendants", Filters={"Types": ["Approval"]})
    assert len(found["Vertices"]) == 2
    seen_by_sdks(server, job_name, package)
    hosting.config("traced-new", hosting.variant("one", "traced"))
    sagemaker.update_endpoint(EndpointName="traced", EndpointConfigName="traced-new")
    hosting.settled("traced")
    soon(lambda: len(neighbours(sagemaker, endpoint)), 2)


def test_a_transform_job(server: RunningServer, sagemaker: Any, hosting: Hosting, job_name: str) -> None:
    hosting.model("batched")
    hosting.s3.put_object(Bucket=BUCKET, Key="lineage/rows/x", Body=b"x")
    place = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/lineage/rows"}
    sagemaker.create_transform_job(
        TransformJobName=job_name,
        ModelName="batched",
        TransformInput={"DataSource": {"S3DataSource": place}, "ContentType": "text/plain"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/lineage/answers/{job_name}"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    part = f"{ARN}experiment-trial-component/{job_name}-aws-transform-job".lower()
    soon(
        lambda: neighbours(sagemaker, part),
        [
            ("from ContributedTo", "DataSet", place["S3Uri"]),
            ("from ContributedTo", "Image", SHELL_IMAGE),
            ("from ContributedTo", "Model", f"s3://{BUCKET}/batched/model.tar.gz"),
            ("to Produced", "DataSet", f"s3://{BUCKET}/lineage/answers/{job_name}"),
        ],
    )


def test_a_component_that_was_deleted_is_not_made_again(server: RunningServer, sagemaker: Any, job_name: str) -> None:
    server.run_shell(job_name, "sleep 3")
    part = f"{job_name}-aws-training-job"
    soon(lambda: len(neighbours(sagemaker, f"{ARN}experiment-trial-component/{part}".lower())), 1)
    sagemaker.delete_trial_component(TrialComponentName=part)
    server.wait(job_name)
    time.sleep(1.5)
    assert neighbours(sagemaker, f"{ARN}experiment-trial-component/{part}".lower()) == []
