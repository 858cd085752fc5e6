"""Errors that a script can raise."""

from sagewright.toolkit.serving.errors import UnsupportedType as UnsupportedFormatError

__all__ = ["UnsupportedFormatError"]
