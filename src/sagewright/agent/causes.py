"""What an error of a file or of S3 is called in a FailureReason."""

from __future__ import annotations

import errno

from sagewright.agent.disk import FULL, DiskFull


def cause(error: Exception) -> str:
    """Without the number of the error, and without places outside of the job's."""
    if isinstance(error, DiskFull) or not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.ENOSPC:
        return FULL
    named = isinstance(error.filename, str) and not error.filename.startswith("/")
    return f"{error.strerror or error}: {error.filename!r}" if named else str(error.strerror or error)
