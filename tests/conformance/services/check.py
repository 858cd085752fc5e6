"""How a check is declared, and the list of all of them.

A check is a function over a Target that raises where the server does otherwise than AWS is documented to, or was seen to. Its
name says what must hold; its docstring cites where that stands: `API X` is the page of operation or type X in the service's API
reference, `Issue OWNER/REPOSITORY#N` a public thread that quotes AWS's answer, `moto` a test of moto's that is verified against
AWS, `Recorded on AWS` a snapshot in localstack/localstack that was recorded there, `SDK` what the unmodified SageMaker Python SDK
tests an answer for.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

from services.target import Target

AWS = "https://docs.aws.amazon.com"
REFERENCES = {
    "sagemaker": f"{AWS}/sagemaker/latest/APIReference/API_{{}}.html",
    "sagemaker-runtime": f"{AWS}/sagemaker/latest/APIReference/API_runtime_{{}}.html",
    "logs": f"{AWS}/AmazonCloudWatchLogs/latest/APIReference/API_{{}}.html",
    "cloudwatch": f"{AWS}/AmazonCloudWatch/latest/APIReference/API_{{}}.html",
    "ecr": f"{AWS}/AmazonECR/latest/APIReference/API_{{}}.html",
    "events": f"{AWS}/eventbridge/latest/APIReference/API_{{}}.html",
    "sqs": f"{AWS}/AWSSimpleQueueService/latest/APIReference/API_{{}}.html",
    "sns": f"{AWS}/sns/latest/api/API_{{}}.html",
    "application-autoscaling": f"{AWS}/autoscaling/application/APIReference/API_{{}}.html",
    "kms": f"{AWS}/kms/latest/APIReference/API_{{}}.html",
    "lambda": f"{AWS}/lambda/latest/api/API_{{}}.html",
    "scheduler": f"{AWS}/scheduler/latest/APIReference/API_{{}}.html",
    "resource-groups": f"{AWS}/ARG/latest/APIReference/API_{{}}.html",
    "resourcegroupstaggingapi": f"{AWS}/resourcegroupstagging/latest/APIReference/API_{{}}.html",
    "sagemaker-metrics": f"{AWS}/sagemaker/latest/APIReference/API_metrics_{{}}.html",
    "sts": f"{AWS}/STS/latest/APIReference/API_{{}}.html",
    "iam": f"{AWS}/IAM/latest/APIReference/API_{{}}.html",
}
"""Services with checks, in the order of the table, and where the pages of their API references are."""

MODULES = {"lambda": "functions"}
"""Services whose names can't be names of modules."""

PARTS = {"accepted": "sagemaker", "lineage": "sagemaker", "images": "sagemaker"}
"""Modules that have some of a service's checks."""

_API, _ISSUE = re.compile(r"API (\w+)"), re.compile(r"Issue ([\w.-]+/[\w.-]+)#(\d+)")


@dataclass(frozen=True)
class Check:
    service: str
    call: Callable[[Target], None]

    @property
    def name(self) -> str:
        return self.call.__name__.replace("_", " ").strip()

    @property
    def source(self) -> str:
        return " ".join((inspect.getdoc(self.call) or "").split())

    @property
    def linked_source(self) -> str:
        """The source in Markdown."""
        page = REFERENCES[self.service]
        linked = _API.sub(lambda found: f"[API {found[1]}]({page.format(found[1])})", self.source)
        return _ISSUE.sub(r"[\1#\2](https://github.com/\1/issues/\2)", linked)


_checks: list[Check] = []


def check(call: Callable[[Target], None]) -> Callable[[Target], None]:
    """Declare a function as a check of the service that its module is called after."""
    module = call.__module__.rpartition(".")[2]
    of_module = {own: name for name, own in MODULES.items()} | PARTS
    service = of_module.get(module, module.replace("_", "-"))
    _checks.append(Check(service, call))
    return call


def every_check() -> list[Check]:
    """All checks, service by service."""
    for service in REFERENCES:
        importlib.import_module(f"services.{MODULES.get(service) or service.replace('-', '_')}")
    for part in PARTS:
        importlib.import_module(f"services.{part}")
    return sorted(_checks, key=lambda each: list(REFERENCES).index(each.service))
