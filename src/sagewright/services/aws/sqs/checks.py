"""Checks of messages. Source: AWS's API reference, Amazon SQS, SendMessage; its refusals as localstack/localstack recorded them on
AWS (`test_sqs.snapshot.json`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.message_size import message_bytes

MOST_ATTRIBUTES = 10
MOST_DELAY_S = 900
MOST_NAME = 256
TRACE = "AWSTraceHeader"
_ODD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ATTRIBUTE = re.compile(r"(?!\.)(?!(?i:aws|amazon)\.)[\w.-]{1,256}(?<!\.)")
_NAME = re.compile(r"[!-~]{1,128}")
_TYPES = ("String", "Number", "Binary")
_INVALID_CHARACTERS = (
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | "
    "#x10000 to #x10FFFF"
)


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def check_body(body: str) -> None:
    """Raises MissingParameter, InvalidMessageContents."""
    if not body:
        raise AwsError("MissingParameter", "The request must contain the parameter MessageBody.")
    if _ODD.search(body):
        raise AwsError("InvalidMessageContents", _INVALID_CHARACTERS)


def check_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises InvalidParameterValue."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise invalid(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MOST_ATTRIBUTES}]."
        )
    for name, value in attributes.items():
        if _ATTRIBUTE.fullmatch(name) is None:
            raise invalid(f"Invalid message (user) attribute name '{name}': at most {MOST_NAME} letters, digits, underscores, "
                          "hyphens and periods, none of these first or last, and not AWS. or Amazon. first.")  # fmt: skip
        data_type = str(value.get("DataType", ""))
        if len(data_type) > MOST_NAME:
            raise invalid(
                f"Invalid type of message (user) attribute '{name}': it has more than {MOST_NAME} characters."
            )
        kind = data_type.partition(".")[0]
        if kind not in _TYPES:
            raise invalid(f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported "
                          "type prefixes: Binary, Number, String.")  # fmt: skip
        given = value.get("BinaryValue" if kind == "Binary" else "StringValue")
        if not given:
            raise invalid(f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'.")
        if kind != "Binary" and _ODD.search(str(given)):
            raise invalid(_INVALID_CHARACTERS)


def system_attributes(entry: Mapping[str, Any]) -> dict[str, str]:
    """Returns the only system attribute that can be sent. Raises InvalidParameterValue."""
    given = entry.get("MessageSystemAttributes") or {}
    if unknown := [name for name in given if name != TRACE]:
        raise invalid(f"Message system attribute name '{unknown[0]}' is invalid.")
    if TRACE not in given:
        return {}
    if given[TRACE].get("DataType") != "String" or not given[TRACE].get("StringValue"):
        raise invalid(f"The message system attribute '{TRACE}' must be a non-empty String.")
    return {TRACE: str(given[TRACE]["StringValue"])}


def check_names(entry: Mapping[str, Any]) -> None:
    """Checks the group and the deduplication token. Raises InvalidParameterValue."""
    for parameter in ("MessageGroupId", "MessageDeduplicationId"):
        given = entry.get(parameter)
        if given is not None and not _NAME.fullmatch(given):
            raise invalid(f"Value {given} for parameter {parameter} is invalid. Reason: {parameter} can only include "
                          "alphanumeric and punctuation characters. 1 to 128 in length.")  # fmt: skip


def check_delay(delay_s: int) -> None:
    """Raises InvalidParameterValue."""
    if not 0 <= delay_s <= MOST_DELAY_S:
        raise invalid(
            f"Value {delay_s} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
        )


def size(entry: Mapping[str, Any]) -> int:
    """Returns the size in bytes."""
    return message_bytes(entry["MessageBody"], entry.get("MessageAttributes"))
