"""Checks of message attributes.

Source: AWS's SNS developer guide, "Amazon SNS message attributes"; its refusals as localstack/localstack recorded them on AWS
(`test_sns.snapshot.json`, test_empty_or_wrong_message_attributes, test_message_attributes_prefixes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sagewright.model.errors import AwsError

MOST_NAME = 256
_ODD = re.compile(r"[^A-Za-z0-9_.-]")
_TYPE = re.compile(r"(Binary|Number|String)(\..+)?")


def check_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises ParameterValueInvalid."""
    for name, value in attributes.items():
        _check_name(name)
        _check_value(name, value)


def _invalid(message: str) -> AwsError:
    return AwsError("ParameterValueInvalid", message)


def _check_name(name: str) -> None:
    if len(name.encode()) > MOST_NAME:
        raise _invalid(f"Length of message attribute name must be less than {MOST_NAME} bytes.")
    if odd := _ODD.search(name):
        raise _invalid(
            f"Invalid non-alphanumeric character '#x{ord(odd.group()):X}' was found in the message attribute name. "
            "Can only include alphanumeric characters, hyphens, underscores, or dots."
        )
    for place, found in (("starting", name.startswith(".")), ("ending", name.endswith("."))):
        if found:
            raise _invalid(f"Invalid message attribute name {place} with character '.' was found.")
    if ".." in name:
        raise _invalid("Message attribute name can not have successive '.' character.")


def _check_value(name: str, value: Mapping[str, Any]) -> None:
    kind = _TYPE.fullmatch(value.get("DataType", ""))
    if kind is None:
        raise _invalid(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is "
            "Binary, Number, and String."
        )
    field = "Binary" if kind[1] == "Binary" else "String"
    other = "String" if field == "Binary" else "Binary"
    if not value.get(f"{field}Value"):
        if value.get(f"{other}Value"):
            raise _invalid(f"The message attribute '{name}' with type '{kind[1]}' must use field '{field}'.")
        raise _invalid(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type "
            f"'{kind[1]}'."
        )
