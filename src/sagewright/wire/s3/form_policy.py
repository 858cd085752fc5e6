"""The policy of an upload by a form: conditions that its signer sets on the fields. Source: S3 API reference, "POST Policy"."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagewright.http.messages import BodyReader
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError

FREE = frozenset({"x-amz-signature", "signature", "awsaccesskeyid", "policy", "file"})
"""Fields that need no condition, besides x-ignore-*."""


@dataclass(frozen=True)
class Sizes:
    """Range of the file's size in bytes."""

    least: int
    most: int


class SizedBody:
    """A body that is refused if its size is outside of the range."""

    def __init__(self, inner: BodyReader, sizes: Sizes) -> None:
        self._inner, self._sizes, self._got = inner, sizes, 0
        self.length = inner.length

    def read(self, size: int = -1, /) -> bytes:
        """Raises EntityTooLarge, EntityTooSmall."""
        piece = self._inner.read(size)
        self._got += len(piece)
        fields = {"ProposedSize": str(self._got)}
        if self._got > self._sizes.most:
            fields["MaxSizeAllowed"] = str(self._sizes.most)
            raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, fields)
        if (not piece or size < 0) and self._got < self._sizes.least:
            fields["MinSizeAllowed"] = str(self._sizes.least)
            raise AwsError(
                "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", 400, fields
            )
        return piece


def check_policy(encoded: str, fields: Mapping[str, str]) -> Sizes | None:
    """Checks the fields (by lower-case name, `bucket` included) against a policy; returns the sizes that it allows.

    A condition has to name the bucket, according to AWS's answer in aws/aws-sdk-php#3292.

    Raises AccessDenied, InvalidPolicyDocument.
    """
    document = _read(encoded)
    if _moment(document.get("expiration")) < datetime.now(UTC):
        raise _violated("Policy expired.")
    sizes, named = None, set()
    for condition in document["conditions"]:
        operator, name, value = _parts(condition)
        if operator == "content-length-range":
            sizes = _sizes(name, value)
            continue
        field = str(name).removeprefix("$").lower()
        named.add(field)
        got = fields.get(field, "")
        if isinstance(condition, list) and not str(name).startswith("$"):
            raise _violated(f"Policy Condition failed: {json.dumps([operator, name, value])}")
        if not (got == value if operator == "eq" else _begins(field, got, str(value))):
            raise _violated(f"Policy Condition failed: {json.dumps([operator, f'${field}', value])}")
    extra = sorted(f for f in fields if f not in named | FREE and not f.startswith("x-ignore-"))
    if extra:
        raise _violated(f"Extra input fields: {', '.join(extra)}")
    return sizes


def _begins(field: str, got: str, prefix: str) -> bool:
    """Checks the prefix; in a list of content types each must begin with it. Source: API reference, POST Policy, "Condition
    matching"."""
    return all(one.strip().startswith(prefix) for one in (got.split(",") if field == "content-type" else [got]))


def _read(encoded: str) -> dict[str, Any]:
    try:
        document = read_json(base64.b64decode(encoded, validate=False))
    except (binascii.Error, ValueError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get("conditions"), list):
        raise _invalid("Policy missing expiration or conditions.")
    return document


def _moment(text: Any) -> datetime:
    """Parses ISO 8601 with a T, as S3 requires."""
    try:
        if "T" not in text:
            raise ValueError
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise _invalid(f"Invalid 'expiration' value: '{text}'") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parts(condition: Any) -> tuple[str, Any, Any]:
    if isinstance(condition, dict):
        if len(condition) != 1:
            raise _invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
        name, value = next(iter(condition.items()))
        return "eq", name, value
    if isinstance(condition, list) and len(condition) == 3:
        operator = str(condition[0]).lower()
        if operator in {"eq", "starts-with", "content-length-range"}:
            return operator, condition[1], condition[2]
    raise _invalid(f"Invalid Condition: {json.dumps(condition)}")


def _sizes(least: Any, most: Any) -> Sizes:
    try:
        return Sizes(int(least), int(most))
    except (TypeError, ValueError):
        raise _violated(f"Policy Condition failed: {json.dumps(['content-length-range', least, most])}") from None


def _violated(detail: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {detail}", 403)


def _invalid(detail: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", f"Invalid Policy: {detail}", 400)
