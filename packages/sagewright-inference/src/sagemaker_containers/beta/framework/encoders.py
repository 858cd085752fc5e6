"""Converts requests to arrays, and predictions to responses."""

from sagewright.toolkit.serving.content import decode, encode

__all__ = ["decode", "encode"]
