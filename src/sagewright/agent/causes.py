"""The description of a file or S3 error in a FailureReason."""

from __future__ import annotations

import errno

from sagewright.agent.disk import FULL, DiskFull


def cause(error: Exception) -> str:
    """Returns the cause without the error's number, and without paths outside the job's."""
    if isinstance(error, DiskFull) or not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.ENOSPC:
        return FULL
    named = isinstance(error.filename, str) and not error.filename.startswith("/")
    return f"{error.strerror or error}: {error.filename!r}" if named else str(error.strerror or error)
