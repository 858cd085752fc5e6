"""Records of requests whose members have another type than the model says: they failed, and their record must not fail."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sagewright.model.errors import ValidationException
from sagewright.services import registry
from sagewright.services.audit.actions import action_of
from sagewright.services.audit.records import entry_of
from sagewright.services.context import ANONYMOUS, AuditedCall, Context, Platform
from sagewright.wire.models import service_model

VALUES: dict[str, Any] = {
    "integer": 18446744073709551616,
    "fraction": 0.5,
    "truth": True,
    "object": {"a": [1]},
    "list": [1, {"b": None}, ["c"]],
    "empty list": [],
    "bytes": b"\xff",
    "text": "arn:::::",
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_record_takes_any_type(kind: str) -> None:
    context = Context("r", "000000000000", "us-east-1", ANONYMOUS, cast("Platform", None))
    for service, operation in registry.load():
        model = service_model(service).operation_model(operation)
        names = model.input_shape.members if model.input_shape else ()
        given = dict.fromkeys(names, VALUES[kind])
        call = AuditedCall(context, service, operation, given, model, error=ValidationException("m"))
        assert entry_of(call, action_of(service, operation)).error == "ValidationException"
