"""Requests to arrays, predictions to answers."""

from sagewright.toolkit.serving.content import decode, encode

__all__ = ["decode", "encode"]
