"""Failures before an app's program starts."""

from __future__ import annotations


class SetupFailed(Exception):
    """The app can't start; the message becomes its FailureReason."""
