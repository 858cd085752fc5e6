"""Errors of a monitor's job."""

from __future__ import annotations


class MonitorError(Exception):
    """The job fails because of its data or its settings; the message is its exit message."""
