"""How CloudTrail classes operations: their event source, whether they only read, and whether they are data events.

Source: AWS CloudTrail's user guide, "Logging management events" and "Logging data events"; access levels of the service
authorization reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from sagewright.policies.reference import actions_of
from sagewright.services.access.subjects import PREFIXES

_SOURCES = {
    "application-autoscaling": "autoscaling",
    "cloudwatch": "monitoring",
    "resourcegroupstaggingapi": "tagging",
    "service-quotas": "servicequotas",
}
"""Hosts of event sources that differ from the service's name."""
_DATA = {
    "cloudwatch": re.compile(r"PutMetricData"),
    "events": re.compile(r"PutEvents"),
    "lambda": re.compile(r"Invoke.*"),
    "logs": re.compile(r"PutLogEvents"),
    "s3": re.compile(
        r".*Object(s|sV2|Acl|Tagging|Retention|LegalHold|Versions)?|(Upload|List)Parts?(Copy)?|.*MultipartUploads?"
        r"|SelectObjectContent|RestoreObject|GetObject.*"
    ),
    "sagemaker-metrics": re.compile(r".*"),
    "sagemaker-runtime": re.compile(r".*"),
    "sns": re.compile(r"Publish(Batch)?"),
    "sqs": re.compile(r"(Send|Receive|Delete|ChangeMessageVisibility).*(Message|Batch|Visibility)"),
}
"""Operations on data: too many to record, and CloudTrail does so only on request."""
_OF_SETTINGS = frozenset({"PutObjectLockConfiguration", "GetObjectLockConfiguration"})
_READS = re.compile(
    r"(Batch)?(Get|List|Describe|Head|Search|Query|Filter|Lookup|Receive|Check|Test|Simulate|Select|Retrieve|Render|Download)"
    r"|Assume|Decrypt|Encrypt|ReEncrypt|Verify|Sign|DeriveSharedSecret|GenerateDataKey|GenerateMac|GenerateRandom"
)


@dataclass(frozen=True)
class AuditedAction:
    source: str
    reads: bool
    data: bool


@lru_cache(2048)
def action_of(service: str, operation: str) -> AuditedAction:
    pattern = _DATA.get(service)
    data = pattern is not None and pattern.fullmatch(operation) is not None and operation not in _OF_SETTINGS
    known = actions_of(PREFIXES.get(service, service)).get(operation)
    reads = (known is not None and known.level in ("List", "Read")) or _READS.match(operation) is not None
    return AuditedAction(f"{_SOURCES.get(service, service)}.amazonaws.com", reads, data)
