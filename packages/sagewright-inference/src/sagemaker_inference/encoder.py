"""Encodes predictions as responses."""

from sagewright.toolkit.serving.content import encode

from sagemaker_inference import content_types

SUPPORTED_CONTENT_TYPES = {content_types.JSON, content_types.CSV, content_types.NPY}

__all__ = ["SUPPORTED_CONTENT_TYPES", "encode"]
