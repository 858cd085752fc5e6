"""Errors of pipelines."""

from __future__ import annotations


class BadDefinition(ValueError):
    """The definition is invalid; the text says why, and where."""


class BadReference(ValueError):
    """A reference cannot be resolved when its step is about to run."""
