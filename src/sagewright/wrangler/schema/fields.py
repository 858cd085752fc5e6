"""Short forms of parameters that many operators have."""

from __future__ import annotations

from typing import Any

from sagewright.wrangler.schema.declaration import Parameter, ParameterKind, ParameterOption

NUMERIC = ("long", "float")
TIMES = ("date", "datetime", "string")


def column(name: str = "input_column", label: str = "Column", **more: Any) -> Parameter:
    return Parameter(name, ParameterKind.COLUMN, label, required=more.pop("required", True), **more)


def columns(name: str = "input_column", label: str = "Columns", **more: Any) -> Parameter:
    return Parameter(name, ParameterKind.COLUMNS, label, required=more.pop("required", True), **more)


def output(note: str = "Empty: the values replace those of the column.") -> Parameter:
    return Parameter("output_column", ParameterKind.TEXT, "New column", note=note, most=1000)


def text(name: str, label: str, default: str | None = None, **more: Any) -> Parameter:
    return Parameter(name, ParameterKind.TEXT, label, default, **more)


def integer(name: str, label: str, default: int | None = None, **more: Any) -> Parameter:
    return Parameter(name, ParameterKind.INTEGER, label, default, **more)


def number(name: str, label: str, default: float | None = None, **more: Any) -> Parameter:
    return Parameter(name, ParameterKind.NUMBER, label, default, **more)


def flag(name: str, label: str, default: bool = False, **more: Any) -> Parameter:
    return Parameter(name, ParameterKind.FLAG, label, default, **more)


def code(name: str, label: str, language: str, **more: Any) -> Parameter:
    return Parameter(name, ParameterKind.CODE, label, required=more.pop("required", True), language=language, **more)


def choice(
    name: str, label: str, options: tuple[str | ParameterOption, ...], default: str | None = None, **more: Any
) -> Parameter:
    """Returns a choice; its default is the first option unless it is required."""
    listed = tuple(one if isinstance(one, ParameterOption) else ParameterOption(one) for one in options)
    picked = default if default is not None or more.get("required") else listed[0].value
    return Parameter(name, ParameterKind.CHOICE, label, picked, options=listed, **more)


def rows(name: str, label: str, fields: tuple[Parameter, ...], **more: Any) -> Parameter:
    return Parameter(name, ParameterKind.ROWS, label, [], fields=fields, **more)


def option(value: str, *fields: Parameter, member: str = "") -> ParameterOption:
    return ParameterOption(value, fields, member)
