"""Decodes requests to arrays."""

from sagewright.toolkit.serving.content import decode

__all__ = ["decode"]
