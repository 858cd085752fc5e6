"""Errors that a script may raise."""

from sagewright.toolkit.serving.errors import UnsupportedType as UnsupportedFormatError

__all__ = ["UnsupportedFormatError"]
