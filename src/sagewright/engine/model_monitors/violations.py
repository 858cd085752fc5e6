"""Violations that an analysis has found: its exit message, or its report constraint_violations.json.

Source: AWS's developer guide, "Schema for violations"; exit messages of AWS's analyzer begin with CompletedWithViolations.
"""

from __future__ import annotations

import orjson

from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import AwsError
from sagewright.objects.access import ObjectStore

REPORT = "constraint_violations.json"
MOST_BYTES = 2 << 20
_MESSAGE = "CompletedWithViolations"


def has_violations(objects: ObjectStore, output_uri: str, exit_message: str) -> bool:
    """Returns True if the message or the report names violations. Without a readable report of at most MOST_BYTES, the message
    decides. Raises AwsError if the store is unavailable."""
    if exit_message.startswith(_MESSAGE):
        return True
    try:
        place = read_s3_uri(f"{output_uri}/{REPORT}")
        document = orjson.loads(objects.read_bytes(place.bucket, place.key, MOST_BYTES))
    except AwsError as error:
        if error.status >= 500:
            raise
        return False
    except ValueError:
        return False
    found = document.get("violations") if isinstance(document, dict) else None
    return isinstance(found, list) and bool(found)
