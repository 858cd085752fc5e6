"""A new training job, or a copy of one: a form derived from the algorithm's declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.schema import catalogue
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Flag
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio.visit import Done, Visit, form, page

TAGS = {"xgboost": "1.7-1"}
OUTPUT = "/output/"
INSTANCES = ("ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.c5.xlarge", "ml.g5.xlarge")


@dataclass(frozen=True)
class ParameterField:
    """A hyperparameter as a row of the form; `options` for one of fixed words."""

    name: str
    value: str
    default: str
    allowed: str
    note: str
    required: bool
    options: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return self.value not in ("", self.default)


@dataclass(frozen=True)
class ChannelField:
    name: str
    uri: str
    content_type: str
    required: bool
    note: str


@dataclass(frozen=True)
class NewJob:
    """The form. `fault`: why it was refused, with the fields as they were sent."""

    algorithm: str
    algorithms: tuple[tuple[str, str], ...]
    name: str
    image: str
    role: str
    output: str
    instance: str
    instances: tuple[str, ...]
    count: str
    minutes: str
    spot: bool
    channels: tuple[ChannelField, ...]
    parameters: tuple[ParameterField, ...]
    others: tuple[ParameterField, ...]
    copied: str
    fault: str = ""


@page("/jobs/new", "newjob.html", "jobs")
def new_job(visit: Visit) -> NewJob:
    query = visit.query
    if source := query.get("from"):
        found = visit.client.sagemaker("DescribeTrainingJob", TrainingJobName=source)
        return _copy(visit, source, found)
    declared = catalogue.declarations()
    chosen = declared.get(query.get("algorithm", "xgboost")) or declared["xgboost"]
    uri = query.get("data", "")
    channels = tuple(
        ChannelField(
            one.name,
            uri if one.name == "train" else "",
            query.get("type", "text/csv") if one.name == "train" else "",
            one.required,
            one.note or "",
        )
        for one in chosen.channels
    )
    given = {"objective": query["objective"]} if query.get("objective") else {}
    role = f"arn:aws:iam::{visit.place.account}:role/SageMakerExecutionRole"
    bucket = uri.removeprefix("s3://").partition("/")[0] or f"sagemaker-{visit.place.region}-{visit.place.account}"
    return NewJob(
        chosen.name,
        _algorithms(),
        f"{chosen.name}-{visit.now:%Y-%m-%d-%H-%M-%S}",
        image_of(chosen, visit.place.region),
        role,
        f"s3://{bucket}{OUTPUT}",
        INSTANCES[0],
        INSTANCES,
        "1",
        "60",
        spot=False,
        channels=channels,
        parameters=_parameters(chosen, given, used=True),
        others=_parameters(chosen, given, used=False),
        copied="",
    )


def image_of(chosen: Declaration, region: str) -> str:
    repository = chosen.repositories[0]
    return f"683313688378.dkr.ecr.{region}.amazonaws.com/{repository}:{TAGS.get(chosen.name, '1')}"


def _algorithms() -> tuple[tuple[str, str], ...]:
    return tuple(sorted((one.name, one.title) for one in catalogue.declarations().values()))


def _parameters(chosen: Declaration, given: Mapping[str, str], *, used: bool) -> tuple[ParameterField, ...]:
    """Returns those that are usually set (`used`), or all others."""
    shown = [one for one in chosen.hyperparameters if not one.hidden]
    return tuple(
        _field(one, given)
        for one in shown
        if (one.required or one.recommended is not None or one.name in given) == used
    )


def _field(one: Hyperparameter, given: Mapping[str, str]) -> ParameterField:
    domain = one.domain
    options = (
        tuple(domain.words) if isinstance(domain, Choice) else ("true", "false") if isinstance(domain, Flag) else ()
    )
    default = one.default or ""
    allowed = "" if options else str(domain)
    return ParameterField(one.name, given.get(one.name, ""), default, allowed, one.note, one.required, options)


def _copy(visit: Visit, source: str, found: Mapping[str, Any]) -> NewJob:
    image = found["AlgorithmSpecification"].get("TrainingImage", "")
    chosen = catalogue.find(image.rpartition("/")[2].partition(":")[0])
    given = {key: value for key, value in found.get("HyperParameters", {}).items() if not key.startswith("_")}
    resources, stop = found.get("ResourceConfig", {}), found.get("StoppingCondition", {})
    channels = tuple(
        ChannelField(
            one["ChannelName"],
            (one["DataSource"].get("S3DataSource") or {}).get("S3Uri", ""),
            one.get("ContentType", ""),
            required=False,
            note="",
        )
        for one in found.get("InputDataConfig", [])
    )
    if chosen is None:
        parameters = tuple(
            ParameterField(key, value, "", "", "", required=False, options=()) for key, value in sorted(given.items())
        )
        others: tuple[ParameterField, ...] = ()
    else:
        parameters, others = _parameters(chosen, given, used=True), _parameters(chosen, given, used=False)
    stem = re.sub(r"-\d{4}(-\d\d){2,5}(-\d{3})?$", "", source)[:40].rstrip("-")
    return NewJob(
        chosen.name if chosen else "",
        _algorithms(),
        f"{stem}-{visit.now:%Y-%m-%d-%H-%M-%S}",
        image,
        found["RoleArn"],
        found["OutputDataConfig"]["S3OutputPath"],
        resources.get("InstanceType", INSTANCES[0]),
        tuple(dict.fromkeys([resources.get("InstanceType", INSTANCES[0]), *INSTANCES])),
        str(resources.get("InstanceCount", 1)),
        str(max(stop.get("MaxRuntimeInSeconds", 3600) // 60, 1)),
        spot=bool(found.get("EnableManagedSpotTraining")),
        channels=channels,
        parameters=parameters,
        others=others,
        copied=source,
    )


@form("/jobs/new", "newjob.html", "jobs")
def create(visit: Visit, fields: dict[str, str]) -> Done | NewJob:
    """Creates the job, or shows the form again with the input and the error."""
    try:
        request = read(visit, fields)
        visit.client.sagemaker("CreateTrainingJob", **request)
    except AwsError as error:
        return _again(visit, fields, error.message)
    except UserError as error:
        return _again(visit, fields, str(error))
    return Done(f"Created {request['TrainingJobName']}", f"/studio/jobs/{request['TrainingJobName']}")


def _again(visit: Visit, fields: Mapping[str, str], fault: str) -> NewJob:
    query = {"algorithm": fields.get("algorithm", ""), "from": fields.get("copied", "")}
    visit.every = tuple((key, value) for key, value in query.items() if value)
    visit.address = "/studio/jobs/new"
    fresh = new_job(visit)
    given = {key.removeprefix("h."): value for key, value in fields.items() if key.startswith("h.")}

    def kept(rows: tuple[ParameterField, ...]) -> tuple[ParameterField, ...]:
        return tuple(replace(row, value=given.get(row.name, row.value)) for row in rows)

    channels = tuple(
        replace(
            one, uri=fields.get(f"c.{one.name}", one.uri), content_type=fields.get(f"t.{one.name}", one.content_type)
        )
        for one in fresh.channels
    )
    return replace(
        fresh,
        name=fields.get("name", fresh.name),
        image=fields.get("image", fresh.image),
        role=fields.get("role", fresh.role),
        output=fields.get("output", fresh.output),
        instance=fields.get("instance", fresh.instance),
        count=fields.get("count", fresh.count),
        minutes=fields.get("minutes", fresh.minutes),
        spot="spot" in fields,
        channels=channels,
        parameters=kept(fresh.parameters),
        others=kept(fresh.others),
        fault=fault,
    )


def read(visit: Visit, fields: Mapping[str, str]) -> dict[str, Any]:
    """Returns CreateTrainingJob's request for a submitted form: that of the copied job, with the form's values. Raises
    ValidationException and UserError."""
    given = {
        key.removeprefix("h."): value.strip() for key, value in fields.items() if key.startswith("h.") and value.strip()
    }
    chosen = catalogue.declarations().get(fields.get("algorithm", ""))
    if chosen is not None:
        chosen.validate_hyperparameters(given)
    try:
        count, minutes = int(fields.get("count", "1")), float(fields.get("minutes", "60"))
    except ValueError:
        raise ValidationException("Hosts and minutes must be numbers.") from None
    request: dict[str, Any] = _copied(visit, fields.get("copied", ""))
    specification = request.get("AlgorithmSpecification", {"TrainingInputMode": "File"})
    specification = {
        key: value
        for key, value in specification.items()
        if key in ("TrainingInputMode", "MetricDefinitions") and not (chosen and key == "MetricDefinitions")
    }
    stop = {**request.get("StoppingCondition", {}), "MaxRuntimeInSeconds": int(minutes * 60)}
    if "spot" in fields:
        stop["MaxWaitTimeInSeconds"] = max(stop.get("MaxWaitTimeInSeconds", 0), int(minutes * 120))
    else:
        stop.pop("MaxWaitTimeInSeconds", None)
    return {
        **request,
        "TrainingJobName": fields.get("name", ""),
        "RoleArn": fields.get("role", ""),
        "AlgorithmSpecification": {**specification, "TrainingImage": fields.get("image", "")},
        "HyperParameters": given,
        "InputDataConfig": _channels(fields, request.get("InputDataConfig", [])),
        "OutputDataConfig": {"S3OutputPath": fields.get("output", "")},
        "ResourceConfig": {
            "InstanceType": fields.get("instance", ""),
            "InstanceCount": count,
            "VolumeSizeInGB": request.get("ResourceConfig", {}).get("VolumeSizeInGB", 30),
        },
        "StoppingCondition": stop,
        "EnableManagedSpotTraining": "spot" in fields,
    }


KEPT = (
    "CheckpointConfig",
    "VpcConfig",
    "Environment",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "AlgorithmSpecification",
    "StoppingCondition",
    "InputDataConfig",
    "ResourceConfig",
)


def _copied(visit: Visit, source: str) -> dict[str, Any]:
    if not source:
        return {}
    found = visit.client.aside("sagemaker", "DescribeTrainingJob", TrainingJobName=source)
    return {key: found[key] for key in KEPT if key in found}


def _channels(fields: Mapping[str, str], copied: list[dict[str, Any]]) -> list[dict[str, Any]]:
    before = {one["ChannelName"]: one for one in copied}
    channels = []
    for key, value in fields.items():
        if not key.startswith("c.") or not value.strip():
            continue
        name = key.removeprefix("c.")
        source = {
            "S3DataType": "S3Prefix",
            "S3DataDistributionType": "FullyReplicated",
            **(before.get(name, {}).get("DataSource", {}).get("S3DataSource") or {}),
            "S3Uri": value.strip(),
        }
        channel = {**before.get(name, {}), "ChannelName": name, "DataSource": {"S3DataSource": source}}
        if kind := fields.get(f"t.{name}", "").strip():
            channel["ContentType"] = kind
        channels.append(channel)
    return channels
