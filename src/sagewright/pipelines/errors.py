"""What can be wrong with a pipeline."""

from __future__ import annotations


class BadDefinition(ValueError):
    """The text says what, and where."""


class BadReference(ValueError):
    """A reference leads nowhere when its step is about to run."""
