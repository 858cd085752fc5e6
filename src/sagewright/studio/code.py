"""Calls of operations as code: boto3, and the AWS command line."""

from __future__ import annotations

import json
import pprint
import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sagewright.studio.operations import OperationCall

_FIRST = re.compile(r"(.)([A-Z][a-z]+)")
_SECOND = re.compile(r"([a-z\d])([A-Z])")


def method(operation: str) -> str:
    """Returns boto3's name of an operation: `CreateTrainingJob` → `create_training_job`."""
    return _SECOND.sub(r"\1_\2", _FIRST.sub(r"\1_\2", operation)).lower()


def boto3_code(calls: Sequence[OperationCall]) -> str:
    """Returns Python that makes the calls with boto3."""
    services = dict.fromkeys(call.service for call in calls)
    lines = ["import boto3", "", *(f"{_variable(name)} = boto3.client({name!r})" for name in services)]
    for call in calls:
        lines.append(_python(call))
    return "\n".join(lines)


def cli_code(calls: Sequence[OperationCall]) -> str:
    """Returns shell lines that make the calls with the AWS command line."""
    return "\n".join(_shell(call) for call in calls)


def _variable(service: str) -> str:
    return service.replace("-", "_")


def _python(call: OperationCall) -> str:
    head = f"{_variable(call.service)}.{method(call.operation)}("
    given = [f"{name}={_literal(value)}" for name, value in call.request.items()]
    one = f"{head}{', '.join(given)})"
    if len(one) <= 100 and "\n" not in one:
        return one
    inner = "".join("    " + text.replace("\n", "\n    ") + ",\n" for text in given)
    return f"{head}\n{inner})"


def _literal(value: Any) -> str:
    if isinstance(value, datetime):
        return repr(value.isoformat())
    return pprint.pformat(value, width=88, sort_dicts=False)


def _shell(call: OperationCall) -> str:
    words = ["aws", call.service, method(call.operation).replace("_", "-")]
    for name, value in call.request.items():
        option = f"--{method(name).replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
        elif isinstance(value, dict | list):
            words += [option, json.dumps(value, default=str)]
        else:
            words += [option, value.isoformat() if isinstance(value, datetime) else str(value)]
    return " ".join(shlex.quote(word) for word in words)
