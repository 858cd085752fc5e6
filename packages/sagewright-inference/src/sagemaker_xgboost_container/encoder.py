"""Converts requests to XGBoost's matrices."""

from __future__ import annotations

from typing import Any

from sagewright.toolkit.serving.xgboost import XGBoost

_DEFAULTS = XGBoost()


def decode(obj: Any, content_type: str) -> Any:
    return _DEFAULTS.input_fn(obj, content_type)


def csv_to_dmatrix(input: Any, dtype: Any = None) -> Any:  # noqa: A002, ARG001 - the toolkit's names
    return decode(input, "text/csv")


def libsvm_to_dmatrix(string_like: Any) -> Any:
    return decode(string_like, "text/libsvm")


def recordio_protobuf_to_dmatrix(string_like: Any) -> Any:
    return decode(string_like, "application/x-recordio-protobuf")


def json_to_dmatrix(string_like: Any, dtype: Any = None) -> Any:  # noqa: ARG001 - the toolkit's names
    return decode(string_like, "application/json")
