"""Checks of tags on objects, on buckets, and in CreateBucket, each with S3's wording.

Source: S3 user guide, "Categorizing your objects using tags"; localstack/localstack, `test_s3_api.snapshot.json`,
TestS3BucketObjectTagging, recorded on AWS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sagewright.model.errors import AwsError
from sagewright.objects import errors

MAX_TAGS = 10
"""Maximum number of tags per object."""
BY_USER = "Your TagKey cannot be prefixed with aws:"
BY_SYSTEM = "System tags cannot be added/updated by requester"
AT_CREATION = (
    'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system tags. '
    'Remove "aws:" from your tag keys and try again.'
)
_TEXT = re.compile(r"[\w\s.:/=+@-]*")


def tags_of_header(text: str | None) -> dict[str, str]:
    """Parses tags from `k=v&k2=v2`. Raises InvalidArgument, InvalidTag."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise _bad_header(text) from None
    joined_by_commas = any("," in pair and pair.count("=") > 1 for pair in text.split("&"))
    if len(dict(pairs)) != len(pairs) or joined_by_commas:
        raise _bad_header(text)
    return checked_tags([{"Key": key, "Value": value} for key, value in pairs], MAX_TAGS)


def _bad_header(text: str) -> AwsError:
    message = (
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
        "without tag name duplicates."
    )
    return errors.invalid_argument(message, "x-amz-tagging", text)


def tags_of_document(document: Mapping[str, Any], most: int) -> dict[str, str]:
    """Raises MalformedXML, BadRequest, InvalidTag."""
    tags = document.get("TagSet") or []
    if any(tag.get("Key") is None or tag.get("Value") is None for tag in tags):
        raise errors.malformed_xml()
    return checked_tags(tags, most, BY_USER if most == MAX_TAGS else BY_SYSTEM)


def checked_tags(tags: list[dict[str, Any]], most: int, reserved: str = BY_USER) -> dict[str, str]:
    """`reserved`: the error message for keys with AWS's prefix. Raises BadRequest, InvalidTag."""
    if len(tags) > most:
        many = (
            f"Object tags cannot be greater than {most}"
            if most == MAX_TAGS
            else f"At most {most} tags, got {len(tags)}"
        )
        raise AwsError("BadRequest", many, 400)
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        _check(key, value, reserved)
        if key in found:
            raise _invalid("Cannot provide multiple Tags with the same key", TagKey=key)
        found[key] = value
    return found


def _check(key: str, value: str, reserved: str) -> None:
    if key.lower().startswith("aws:"):
        raise _invalid(reserved, **({} if reserved == AT_CREATION else {"TagKey": key}))
    if not 1 <= len(key) <= 128 or not _TEXT.fullmatch(key):
        raise _invalid("The TagKey you have provided is invalid", TagKey=key)
    if len(value) > 256 or not _TEXT.fullmatch(value):
        raise _invalid("The TagValue you have provided is invalid", TagKey=key, TagValue=value)


def _invalid(message: str, **fields: str) -> AwsError:
    return AwsError("InvalidTag", message, 400, fields)
