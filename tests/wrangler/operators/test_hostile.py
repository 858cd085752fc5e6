"""Every tool on odd tables with guessed parameters: it works, or says what is wrong; nothing else comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from flowfiles import node, outputs
from tables import drawn

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.schema.declaration import Operator, Parameter, ParameterKind, member_of

catalogue.load()
TRANSFORMS = [one for one in catalogue.OPERATORS.values() if one.type == "TRANSFORM"]
FRAMES = (
    drawn(30),
    drawn(0),
    pl.DataFrame({"whole": [None] * 3, "text": [None] * 3}),
    pl.DataFrame({"text": [[1], [2]], "whole": [{"a": 1}, {"a": 2}]}),
    pl.DataFrame(),
)


def guessed(fields: Sequence[Parameter], column: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields:
        place = found
        *outer, name = one.name.split(".")
        for part in outer:
            place = place.setdefault(part, {})
        if one.kind is ParameterKind.COLUMN:
            place[name] = column
        elif one.kind is ParameterKind.COLUMNS:
            place[name] = [column]
        elif one.kind in (ParameterKind.TEXT, ParameterKind.CODE) and (one.required or one.default is None):
            place[name] = "x"
        elif one.kind is ParameterKind.ROWS:
            place[name] = [guessed(one.fields, column)]
        elif one.kind in (ParameterKind.INTEGER, ParameterKind.NUMBER) and one.default is None:
            place[name] = 1
        elif one.kind is ParameterKind.CHOICE:
            found.update(
                (member_of(one, option), guessed(option.fields, column)) for option in one.options if option.fields
            )
            if one.required:
                place[name] = one.options[0].value
    return found


@pytest.mark.parametrize("operator", TRANSFORMS, ids=lambda one: one.id.rpartition(".")[2])
@pytest.mark.filterwarnings("ignore")
def test_odd_tables(operator: Operator) -> None:
    for tool in operator.tools:
        for frame in FRAMES:
            for column in ("whole", "text", "flag"):
                values = guessed(tool.fields, column)
                parameters = {"operator": tool.title, tool.member: values} if tool.member else values
                frames = [frame] * len(operator.inputs)
                try:
                    outputs(node(operator.id, parameters, *("l", "r")[: len(frames)]), *frames)
                except (StepError, pl.exceptions.PolarsError) as error:
                    assert str(error)
