"""Each list's sort keys and filters are those of its operation in the botocore model: none is forgotten, none is made up."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sagewright.model.errors import ValidationException
from sagewright.services import registry
from sagewright.services.paging import ListSpec
from sagewright.wire.models import service_model

PAGING = {"MaxResults", "NextToken", "SortBy", "SortOrder"}


def _specs() -> Iterator[tuple[str, ListSpec]]:
    registry.load()
    for name, module in sorted(sys.modules.items()):
        if name.startswith("sagewright.services.sagemaker."):
            for value in list(vars(module).values()):
                spec = value if isinstance(value, ListSpec) else getattr(value, "listed", None)
                if isinstance(spec, ListSpec) and spec.member in inspect.getsource(module):  # others only import it
                    yield name, spec


def _operation(spec: ListSpec) -> Any:
    model = service_model("sagemaker")
    named = (model.operation_model(name) for name in model.operation_names if name.startswith("List"))
    return next(one for one in named if one.output_shape and spec.member in one.output_shape.members)


REFUSED = {"PipelineVersionAlias"}
"""Refused by `pipelines.require_no_alias`."""
SPECS = {spec.member: (name, spec) for name, spec in _specs()}


@pytest.mark.parametrize("member", sorted(SPECS))
def test_every_sort_key_has_a_column(member: str) -> None:
    _name, spec = SPECS[member]
    shape = _operation(spec).input_shape.members.get("SortBy")
    assert set(shape.enum if shape is not None else ()) <= set(spec.sorts)
    assert "CreationTime" in spec.sorts  # the order where none is given


@pytest.mark.parametrize("member", sorted(SPECS))
def test_every_filter_is_applied(member: str) -> None:
    """A filter is declared, or the operation reads it itself."""
    name, spec = SPECS[member]
    members = set(_operation(spec).input_shape.members) - PAGING - REFUSED
    read = inspect.getsource(sys.modules[name])
    assert sorted(one for one in members - set(spec.filters) if f'"{one}"' not in read) == []


def test_an_unknown_sort_key_is_refused() -> None:
    spec = ListSpec("Things", {"CreationTime": "created_ms"})
    with pytest.raises(ValidationException, match="SortBy Size is not supported for Things: one of CreationTime"):
        spec.answer({"SortBy": "Size"}, lambda _: [], lambda _: [])
