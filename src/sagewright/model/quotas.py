"""The quotas that limits can be set for: their codes, names and units.

Source: names as AWS's Service Quotas lists them for SageMaker. `_KNOWN` has the codes that public documents show. Where AWS's code
of a name is not known, the code begins with OWN, as it does for quotas that AWS does not have.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from sagewright.model.aws.arns import ROLE_NAME
from sagewright.model.aws.service_models import service_model

SAGEMAKER, SAGEWRIGHT = "sagemaker", "sagewright"
NAMES = {SAGEMAKER: "Amazon SageMaker", SAGEWRIGHT: "Sagewright"}
"""Service codes, and the services' names."""
OWN = "SW-"
UNLIMITED = 10_000_000_000.0
"""The value of a quota without a limit: the largest that AWS's model allows."""
USER, ROLE = "user/", "role/"
"""Beginnings of the subjects that have limits of their own; the account is the empty subject."""


OWNER = f"{USER}admin"
PRIORITY = "sagewright:priority"
"""The tag with a job's priority: MOST_PRIORITY comes first; without it 0."""
MOST_PRIORITY = 100
_USER = re.compile(r"arn:[^:]+:iam::\d*:user/(?:.*/)?([^/]+)")
_SESSION = re.compile(r"arn:[^:]+:(?:sts::\d*:assumed-role|iam::\d*:role)/([^/]+)(?:/(.+))?")


def requester_of(arn: str) -> str:
    """Returns who a principal is: user/NAME, or role/NAME for a session of a role; "" for an ARN of something else. The admin's key
    is a session of the execution role."""
    if found := _USER.fullmatch(arn):
        return USER + found[1]
    if found := _SESSION.fullmatch(arn):
        return OWNER if (found[1], found[2]) == (ROLE_NAME, "admin") else ROLE + found[1]
    return OWNER if arn.endswith(":root") else ""


class QuotaFamily(StrEnum):
    """Uses of instances, as quotas name them."""

    TRAINING = "training job"
    SPOT = "spot training job"
    PROCESSING = "processing job"
    TRANSFORM = "transform job"
    ENDPOINT = "endpoint"


class OwnQuota(StrEnum):
    """Quotas that AWS does not have. The limits of IN_QUEUE hold jobs in the queue; the others refuse what exceeds them."""

    JOBS = "SW-JOBS"
    CPUS = "SW-CPUS"
    MEMORY = "SW-MEMORY"
    GPUS = "SW-GPUS"
    DISK = "SW-DISK"
    ENDPOINTS = "SW-ENDPOINTS"
    WEIGHT = "SW-WEIGHT"


IN_QUEUE = (OwnQuota.JOBS, OwnQuota.CPUS, OwnQuota.MEMORY, OwnQuota.GPUS, OwnQuota.DISK)


@dataclass(frozen=True)
class ServiceQuota:
    """One quota. `family` and `instance_type`: what it counts; of the totals no type. `noun`: its short name in commands."""

    service: str
    code: str
    name: str
    unit: str
    family: QuotaFamily | None = None
    instance_type: str = ""
    noun: str = ""


_OWN = {
    OwnQuota.JOBS: ("jobs", "Jobs running at once", "Jobs"),
    OwnQuota.CPUS: ("cpus", "CPUs of running jobs", "CPUs"),
    OwnQuota.MEMORY: ("memory", "Memory of running jobs", "GiB"),
    OwnQuota.GPUS: ("gpus", "GPUs in use", "GPUs"),
    OwnQuota.DISK: ("disk", "Volumes of running jobs", "GiB"),
    OwnQuota.ENDPOINTS: ("endpoints", "Number of endpoints", "Endpoints"),
    OwnQuota.WEIGHT: ("weight", "Weight in the queue", "None"),
}
_TOTALS = {
    QuotaFamily.TRAINING: "Number of instances across all training jobs",
    QuotaFamily.SPOT: "Number of instances across all spot training jobs",
    QuotaFamily.PROCESSING: "Number of instances across all processing jobs",
    QuotaFamily.TRANSFORM: "Number of instances across all transform jobs",
    QuotaFamily.ENDPOINT: "Number of instances across active endpoints",
}
_TYPES = {
    QuotaFamily.TRAINING: "TrainingInstanceType",
    QuotaFamily.SPOT: "TrainingInstanceType",
    QuotaFamily.PROCESSING: "ProcessingInstanceType",
    QuotaFamily.TRANSFORM: "TransformInstanceType",
    QuotaFamily.ENDPOINT: "ProductionVariantInstanceType",
}
"""Shapes of botocore's model that list the instance types."""
_KNOWN = {
    "Number of instances across all training jobs": "L-00C91CB5",
    "Number of instances across all processing jobs": "L-F311B08F",
    "Number of instances across all transform jobs": "L-60D2A6F0",
    "Number of instances across active endpoints": "L-7A3DF611",
    "ml.c5.xlarge for transform job usage": "L-09C9B23C",
    "ml.c6i.16xlarge for training job usage": "L-090C5671",
    "ml.c6i.16xlarge for spot training job usage": "L-0C0D9F82",
    "ml.c6i.4xlarge for processing job usage": "L-056831C6",
    "ml.c6i.4xlarge for spot training job usage": "L-017831D5",
    "ml.g4dn.12xlarge for endpoint usage": "L-07BEB181",
    "ml.g4dn.2xlarge for spot training job usage": "L-0496610F",
    "ml.g4dn.xlarge for processing job usage": "L-2F1EB012",
    "ml.g4dn.xlarge for training job usage": "L-3F53BF0F",
    "ml.g4dn.xlarge for transform job usage": "L-4C5C5CA8",
    "ml.g5.12xlarge for spot training job usage": "L-03E19172",
    "ml.g5.2xlarge for transform job usage": "L-12740493",
    "ml.g5.48xlarge for endpoint usage": "L-0100B823",
    "ml.g5.4xlarge for processing job usage": "L-0A6E4205",
    "ml.g5.8xlarge for endpoint usage": "L-065D610E",
    "ml.g5.xlarge for endpoint usage": "L-1928E07B",
    "ml.g5.xlarge for training job usage": "L-B6D80D9C",
    "ml.g5.xlarge for transform job usage": "L-135CF62D",
    "ml.g6.12xlarge for endpoint usage": "L-0A29AACF",
    "ml.g6.4xlarge for spot training job usage": "L-03304C28",
    "ml.g6.4xlarge for training job usage": "L-07B51BA0",
    "ml.g6e.48xlarge for training job usage": "L-0DA2E7B0",
    "ml.m4.2xlarge for processing job usage": "L-0309C694",
    "ml.m5.large for processing job usage": "L-8541302D",
    "ml.m5.large for training job usage": "L-611FA074",
    "ml.m5.large for transform job usage": "L-236AE59F",
    "ml.m5.xlarge for processing job usage": "L-0307F515",
    "ml.p4d.24xlarge for endpoint usage": "L-09F79647",
    "ml.p4d.24xlarge for spot training job usage": "L-09D56C4F",
    "ml.p4d.24xlarge for training job usage": "L-09B4A649",
    "ml.p5.48xlarge for training job usage": "L-82E1C851",
    "ml.r5.24xlarge for training job usage": "L-03C8E8AF",
    "ml.t2.large for endpoint usage": "L-1410387A",
    "ml.t3.medium for processing job usage": "L-0CE343FE",
}


def instance_quota(family: QuotaFamily, instance_type: str = "") -> ServiceQuota:
    """Returns the quota of an instance type, or of all types together."""
    name = f"{instance_type} for {family} usage" if instance_type else _TOTALS[family]
    code = _KNOWN.get(name) or OWN + hashlib.sha256(name.encode()).hexdigest()[:8].upper()
    return ServiceQuota(SAGEMAKER, code, name, "Instances", family, instance_type)


def own_quota(code: OwnQuota) -> ServiceQuota:
    noun, name, unit = _OWN[code]
    return ServiceQuota(SAGEWRIGHT, code.value, name, unit, noun=noun)


@cache
def all_quotas() -> dict[str, ServiceQuota]:
    """Returns every quota by its code."""
    model = service_model(SAGEMAKER)
    found = [own_quota(one) for one in OwnQuota] + [instance_quota(family) for family in QuotaFamily]
    found += [
        instance_quota(family, one)
        for family, shape in _TYPES.items()
        for one in sorted(model.shape_for(shape).metadata["enum"])
    ]
    return {one.code: one for one in found}


def find_quota(text: str) -> ServiceQuota | None:
    """Returns the quota of a code, of a name, or of a short name."""
    quotas = all_quotas()
    return quotas.get(text) or next((one for one in quotas.values() if text in (one.name, one.noun)), None)


def priority_in(text: str) -> int | None:
    """Returns the priority that a tag's value names, None for another text."""
    found = re.fullmatch(r"[+-]?[0-9]{1,3}", text)
    return int(text) if found and abs(int(text)) <= MOST_PRIORITY else None


def is_subject(text: str) -> bool:
    return text == "" or (text.startswith((USER, ROLE)) and 5 < len(text) < 5 + 65 and "/" not in text[5:])


def shown_subject(subject: str) -> str:
    """Returns a subject for a sentence: `the account`, `user ann`."""
    return subject.replace("/", " ", 1) or "the account"
