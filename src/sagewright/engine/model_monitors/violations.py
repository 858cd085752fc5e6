"""Violations that an analysis has found: its exit message, or its report constraint_violations.json.

Source: AWS's developer guide, "Schema for violations"; exit messages of AWS's analyzer begin with CompletedWithViolations.
"""

from __future__ import annotations

from http import HTTPStatus

import orjson

from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import AwsError
from sagewright.objects.access import ObjectStore
from sagewright.store.jobs.jobs import Job

REPORT = "constraint_violations.json"
MOST_BYTES = 8 << 20
_MESSAGE = "CompletedWithViolations"


class UnreadableViolations(Exception):
    """The analysis left a report that does not show whether there are violations."""


def has_violations(objects: ObjectStore, output_uri: str, job: Job) -> bool:
    """Returns True if the job's exit message or its report names violations. A report older than the job is not the job's.

    Raises UnreadableViolations for a report of more than MOST_BYTES, or of another form; AwsError if the store is unavailable.
    """
    if (job.exit_message or "").startswith(_MESSAGE):
        return True
    uri = f"{output_uri}/{REPORT}"
    try:
        place = read_s3_uri(uri)
        if objects.modified_ms(place.bucket, place.key) // 1000 < job.created_ms // 1000:
            return False
        document = orjson.loads(objects.read_bytes(place.bucket, place.key, MOST_BYTES))
    except AwsError as error:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        if error.status == HTTPStatus.NOT_FOUND:
            return False
        raise UnreadableViolations(f"The report of violations can't be read: {error.message}") from None
    except ValueError:
        raise UnreadableViolations(f"The report of violations {uri} is not valid JSON.") from None
    found = document.get("violations") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise UnreadableViolations(f"The report of violations {uri} has no list 'violations'.")
    return bool(found)
