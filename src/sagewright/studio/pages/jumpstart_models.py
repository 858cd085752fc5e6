"""A model of JumpStart: its requirements, forms that deploy and fine-tune it, and the command that adds missing
weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio.jobview import Fact
from sagewright.studio.pages.jumpstart import PATH, PUBLIC, STATES
from sagewright.studio.visit import Done, Visit, form, page

INSTANCES = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.xlarge", "ml.c5.2xlarge", "ml.g5.xlarge")
CONTAINER = "container"
"""Scope of the hyperparameters that start the script."""
HERE, AFTER = "@state:here", "@deploy:after training"


@dataclass(frozen=True)
class TuningField:
    """A hyperparameter of the fine-tuning form. `allowed`: words on its limits; `options`: its values, if they are enumerated."""

    name: str
    value: str
    default: str
    allowed: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class SampleRequest:
    name: str
    content_type: str
    body: str


@dataclass(frozen=True)
class JumpStartModelView:
    """`command`: adds the weights, "" where they are here. `hosted`: it answers without fine-tuning."""

    name: str
    title: str
    state: str
    what: str
    facts: tuple[Fact, ...]
    command: str
    publisher: str
    gated: bool
    hosted: bool
    trainable: bool
    endpoint: str
    job: str
    instances: tuple[str, ...]
    parameters: tuple[TuningField, ...]
    layout: str
    data: str
    samples: tuple[SampleRequest, ...]
    fault: str = ""
    sdk_code: tuple[tuple[str, str], ...] = ()


@page("/jumpstart/{name}", "jumpmodel.html", "jumpstart")
def jumpstart_model(visit: Visit) -> JumpStartModelView:
    """The requirements of a model, and its possible uses here."""
    name = visit.path["name"]
    found, document = _described(visit, name)
    words = found["HubContentSearchKeywords"]
    hosted = AFTER not in words
    return JumpStartModelView(
        name,
        found["HubContentDisplayName"],
        STATES["here" if HERE in words else "not here"],
        found["HubContentDescription"],
        _facts(visit, document, found),
        "" if HERE in words else f"sagewright models add {name} FOLDER",
        document["Url"],
        document["GatedBucket"],
        hosted,
        document["TrainingSupported"],
        name[:50].rstrip("-"),
        f"{name[:40].rstrip('-')}-{visit.now:%Y-%m-%d-%H-%M-%S}",
        INSTANCES,
        tuple(_parameter(one) for one in document.get("Hyperparameters", []) if one["Scope"] != CONTAINER),
        next(iter((document.get("ContextualHelp") or {}).get("HubFormatTrainData") or []), ""),
        f"s3://sagemaker-{visit.place.region}-{visit.place.account}/",
        tuple(_sample(alias, one) for alias, one in document.get("DefaultPayloads", {}).items()),
        sdk_code=_code(name, hosted),
    )


@form("/jumpstart/{name}/deploy", "jumpmodel.html", "jumpstart")
def deploy(visit: Visit, fields: dict[str, str]) -> Done | JumpStartModelView:
    """Makes a model, a configuration and an endpoint."""
    name, endpoint = visit.path["name"], fields.get("endpoint", "").strip()
    try:
        _found, document = _described(visit, name)
        own = f"{endpoint[:40].rstrip('-')}-{visit.now:%y%m%d-%H%M%S}"
        source = {"S3Uri": document["HostingArtifactUri"], "S3DataType": "S3Prefix", "CompressionType": "None"}
        accepted = {"ModelAccessConfig": {"AcceptEula": True}} if "eula" in fields else {}
        container = {
            "Image": document["HostingEcrUri"],
            "ModelDataSource": {"S3DataSource": source | accepted},
            "Environment": {one["Name"]: str(one["Default"]) for one in document["InferenceEnvironmentVariables"]},
        }
        visit.client.sagemaker("CreateModel", ModelName=own, ExecutionRoleArn=_role(visit), PrimaryContainer=container)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": own,
            "InstanceType": fields.get("instance", INSTANCES[0]),
            "InitialInstanceCount": 1,
        }
        visit.client.sagemaker("CreateEndpointConfig", EndpointConfigName=own, ProductionVariants=[variant])
        visit.client.sagemaker("CreateEndpoint", EndpointName=endpoint, EndpointConfigName=own, Tags=_tags(visit, name))
    except AwsError as error:
        return replace(_again(visit), fault=error.message, endpoint=endpoint)
    return Done(f"Creating {endpoint}", f"/studio/endpoints/{endpoint}")


@form("/jumpstart/{name}/fine-tune", "jumpmodel.html", "jumpstart")
def fine_tune(visit: Visit, fields: dict[str, str]) -> Done | JumpStartModelView:
    """Starts a training job on the model, as JumpStartEstimator does."""
    name, job = visit.path["name"], fields.get("job", "").strip()
    given = {
        key.removeprefix("h."): value.strip() for key, value in fields.items() if key.startswith("h.") and value.strip()
    }
    try:
        _found, document = _described(visit, name)
        if not document["TrainingSupported"]:
            raise ValidationException(f"{name} cannot be fine-tuned.")
        defaults = {one["Name"]: str(one["Default"]) for one in document["Hyperparameters"]}
        script = {"sagemaker_submit_directory": document["TrainingScriptUri"]}
        channels = {"training": fields.get("data", "").strip(), "model": document["TrainingArtifactUri"]}
        visit.client.sagemaker(
            "CreateTrainingJob",
            TrainingJobName=job,
            RoleArn=_role(visit),
            AlgorithmSpecification={
                "TrainingImage": document["TrainingEcrUri"],
                "TrainingInputMode": "File",
                "MetricDefinitions": document["TrainingMetrics"],
            },
            HyperParameters={**defaults, **given, **script},
            InputDataConfig=[_channel(channel, uri) for channel, uri in channels.items()],
            OutputDataConfig={"S3OutputPath": f"s3://sagemaker-{visit.place.region}-{visit.place.account}/{name}"},
            ResourceConfig={
                "InstanceType": fields.get("instance", INSTANCES[1]),
                "InstanceCount": 1,
                "VolumeSizeInGB": 30,
            },
            StoppingCondition={"MaxRuntimeInSeconds": 24 * 3600},
            Environment={"accept_eula": "true"} if "eula" in fields else None,
            Tags=_tags(visit, name),
        )
    except AwsError as error:
        fresh = _again(visit)
        kept = tuple(replace(one, value=given.get(one.name, "")) for one in fresh.parameters)
        return replace(fresh, fault=error.message, job=job, data=fields.get("data", ""), parameters=kept)
    return Done(f"Created {job}", f"/studio/jobs/{job}")


def _again(visit: Visit) -> JumpStartModelView:
    visit.address = f"{PATH}/{visit.path['name']}"
    return jumpstart_model(visit)


def _described(visit: Visit, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a content of the public hub and its document. Raises AwsError."""
    found = visit.client.sagemaker("DescribeHubContent", **PUBLIC, HubContentName=name)
    return found, json.loads(found["HubContentDocument"])


def _facts(visit: Visit, document: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[Fact, ...]:
    memory = (document.get("HostingResourceRequirements") or {}).get("MinMemoryMb")
    room = visit.client.readings.machine()
    free = (room.memory - room.memory_held) / 2**30
    facts = [Fact("Needs", f"{memory / 1024:.1f} of {free:.0f} GB free", answer=True)] if memory else []
    facts += [
        Fact("Task", document["Task"]),
        Fact("Licence", document.get("License", "its publisher's")),
        Fact("Publisher", document["Provider"]),
        Fact("Version", found["HubContentVersion"]),
    ]
    return tuple(facts)


def _parameter(one: Mapping[str, Any]) -> TuningField:
    low, high = one.get("Min"), one.get("Max")
    allowed = " to ".join(str(value) for value in (low, high) if value is not None)
    if allowed and (low is None or high is None):
        allowed = f"at least {allowed}" if high is None else f"at most {allowed}"
    return TuningField(one["Name"], "", str(one["Default"]), allowed, tuple(one.get("Options") or ()))


def _sample(alias: str, one: Mapping[str, Any]) -> SampleRequest:
    body = one["Body"]
    return SampleRequest(alias, one["ContentType"], body if isinstance(body, str) else json.dumps(body))


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _tags(visit: Visit, name: str) -> list[dict[str, str]]:
    """Returns the tags that the SDKs set."""
    version = _described(visit, name)[0]["HubContentVersion"]
    prefix = "sagemaker-sdk:jumpstart-model"
    return [{"Key": f"{prefix}-id", "Value": name}, {"Key": f"{prefix}-version", "Value": version}]


def _role(visit: Visit) -> str:
    return f"arn:aws:iam::{visit.place.account}:role/SageMakerExecutionRole"


def _code(name: str, hosted: bool) -> tuple[tuple[str, str], ...]:
    v2 = f'from sagemaker.jumpstart.model import JumpStartModel\n\npredictor = JumpStartModel("{name}").deploy()'
    v3 = (
        "from sagemaker.core.jumpstart import JumpStartConfig\nfrom sagemaker.serve import ModelBuilder\n\n"
        f'builder = ModelBuilder.from_jumpstart_config(JumpStartConfig(model_id="{name}"))\nbuilder.build()\nbuilder.deploy()'
    )
    if not hosted:
        v2 = (
            f'from sagemaker.jumpstart.estimator import JumpStartEstimator\n\nestimator = JumpStartEstimator("{name}")\n'
            'estimator.fit({"training": "s3://BUCKET/PREFIX/"})\npredictor = estimator.deploy()'
        )
        v3 = (
            "from sagemaker.core.jumpstart import JumpStartConfig\nfrom sagemaker.train import ModelTrainer\n"
            "from sagemaker.train.configs import InputData\n\n"
            f'trainer = ModelTrainer.from_jumpstart_config(JumpStartConfig(model_id="{name}"))\n'
            'trainer.train(input_data_config=[InputData(channel_name="training", data_source="s3://BUCKET/PREFIX/")])'
        )
    return (("SDK v2", v2), ("SDK v3", v3))
