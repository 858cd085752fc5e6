"""Errors that a user can mend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from http import HTTPStatus


class InputError(ValueError):
    """Training data, a hyperparameter or a request is unusable; the message names the thing, the limit and the value."""

    status_code = HTTPStatus.BAD_REQUEST
    """The status with which the model's server answers."""


class TypeUnsupported(InputError):
    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def reported(program: Callable[[], None]) -> None:
    """Runs a job's program. An InputError ends it with one line instead of a traceback."""
    try:
        program()
    except InputError as error:
        sys.stdout.flush()
        sys.exit(f"Traceback (most recent call last):\nInputError: {error}")  # the marker of what FailureReason shows
