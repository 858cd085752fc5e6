"""Forms of steps, drawn from the declarations of the operators, and the parameters that a submitted one gives.

The field of a parameter is named by its path: `v.scaler`, `v.min_max_scaler_parameters.min`, `v.splits.0.name`. Each chosen column
of a list has a separate field, `v.input_column:3`, whose number has no meaning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagewright.wrangler.flows import FlowEdge, Node
from sagewright.wrangler.schema.declaration import (
    Operator,
    Parameter,
    ParameterKind,
    ParameterOption,
    Tool,
    member_of,
)

ROOT = "v"
FILLED = "filled"
"""Member of a form that has been filled in: without it the defaults apply."""
_SPARE_ROWS = 1
_MOST_ROWS = 50
_ROW = re.compile(r"0|[1-9][0-9]{0,5}")
_MOST_NUMBER = 2**63
_MOST_SHOWN = 40


@dataclass(frozen=True)
class ColumnRef:
    name: str
    type: str


@dataclass(frozen=True)
class FieldOption:
    """`chosen`: it is the value; `fields`: the parameters that come with it."""

    value: str
    label: str
    chosen: bool
    fields: tuple[StepField, ...] = ()


@dataclass(frozen=True)
class StepField:
    """`kind`: of the parameter; `rows`: of a list of objects."""

    name: str
    label: str
    kind: str
    value: str = ""
    options: tuple[FieldOption, ...] = ()
    rows: tuple[tuple[StepField, ...], ...] = ()
    note: str = ""
    required: bool = False
    fault: str = ""
    language: str = ""


@dataclass(frozen=True)
class Reading:
    """The parameters of a submitted form, and a sentence for each field that can't be: by the field's name."""

    parameters: dict[str, Any]
    faults: dict[str, str]


def fields_of(
    parameters: Sequence[Parameter],
    values: Mapping[str, Any],
    columns: Sequence[ColumnRef],
    faults: Mapping[str, str],
    at: str = ROOT,
) -> tuple[StepField, ...]:
    """Returns the fields of a form with these values; a parameter without a value has its default."""
    return tuple(_field(one, values, columns, faults, at) for one in parameters)


def _field(
    one: Parameter, values: Mapping[str, Any], columns: Sequence[ColumnRef], faults: Mapping[str, str], at: str
) -> StepField:
    name, value = f"{at}.{one.name}", values.get(one.name, one.default)
    label = one.label or one.name.replace("_", " ").capitalize()
    options: tuple[FieldOption, ...] = ()
    rows: tuple[tuple[StepField, ...], ...] = ()
    if one.kind is ParameterKind.CHOICE:
        options = tuple(_option(option, one, values, columns, faults, at) for option in one.options)
    elif one.kind in (ParameterKind.COLUMN, ParameterKind.COLUMNS):
        options = _columns(one, value, columns)
    elif one.kind is ParameterKind.ROWS:
        given = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
        spare: list[Mapping[str, Any]] = [{}] * _SPARE_ROWS
        rows = tuple(
            fields_of(one.fields, row, columns, faults, f"{name}.{number}")
            for number, row in enumerate([*given, *spare][:_MOST_ROWS])
        )
    return StepField(
        name,
        label,
        str(one.kind),
        _written(value),
        options,
        rows,
        one.note,
        one.required,
        faults.get(name, ""),
        one.language,
    )


def _option(
    option: ParameterOption,
    one: Parameter,
    values: Mapping[str, Any],
    columns: Sequence[ColumnRef],
    faults: Mapping[str, str],
    at: str,
) -> FieldOption:
    member = member_of(one, option)
    held = values.get(member)
    inner = fields_of(option.fields, held if isinstance(held, Mapping) else {}, columns, faults, f"{at}.{member}")
    return FieldOption(option.value, option.value, values.get(one.name, one.default) == option.value, inner)


def _columns(one: Parameter, value: Any, columns: Sequence[ColumnRef]) -> tuple[FieldOption, ...]:
    """Returns the columns that suit. Chosen columns that no longer exist are included, so that they can be removed."""
    chosen = _names(value)
    suits = [ref for ref in columns if not one.types or ref.type in one.types or ref.name in chosen]
    known = {ref.name for ref in suits}
    gone = [ColumnRef(name, "not in the data") for name in chosen if name not in known]
    return tuple(FieldOption(ref.name, ref.type, ref.name in chosen) for ref in (*gone, *suits))


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def _written(value: Any) -> str:
    if value is None or isinstance(value, list | tuple | dict):
        return ""
    if isinstance(value, bool):
        return "on" if value else ""
    return repr(value) if isinstance(value, float) else str(value)


def read(parameters: Sequence[Parameter], given: Mapping[str, str], at: str = ROOT) -> Reading:
    """Reads a submitted form."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for one in parameters:
        name = f"{at}.{one.name}"
        value = _value(one, given, name, faults)
        if value is None or (value in ([], "") and not one.required):
            continue
        if value in ([], "") and one.required:
            faults.setdefault(name, "is needed")
            continue
        values[one.name] = value
        if one.kind is ParameterKind.CHOICE:
            _read_option(one, value, given, at, values, faults)
    _add_missing(parameters, values, faults, at)
    return Reading(values, faults)


def _read_option(
    one: Parameter, value: str, given: Mapping[str, str], at: str, values: dict[str, Any], faults: dict[str, str]
) -> None:
    option = next((option for option in one.options if option.value == value), None)
    if option is None:
        faults[f"{at}.{one.name}"] = f"{value} is not one of {', '.join(each.value for each in one.options)}"
    elif option.fields:
        member = member_of(one, option)
        inner = read(option.fields, given, f"{at}.{member}")
        values[member] = inner.parameters
        faults.update(inner.faults)


def _add_missing(parameters: Iterable[Parameter], values: Mapping[str, Any], faults: dict[str, str], at: str) -> None:
    for one in parameters:
        if one.required and one.name not in values:
            faults.setdefault(f"{at}.{one.name}", "is needed")


def _value(one: Parameter, given: Mapping[str, str], name: str, faults: dict[str, str]) -> Any:
    """Returns a parameter's value, None if the form has none."""
    if one.kind is ParameterKind.COLUMNS:
        return [value for key, value in given.items() if key.startswith(f"{name}:") and value]
    if one.kind is ParameterKind.FLAG:
        return name in given
    if one.kind is ParameterKind.ROWS:
        return _rows(one, given, name, faults)
    text = given.get(name)
    if text is None:
        return None
    if one.kind in (ParameterKind.INTEGER, ParameterKind.NUMBER):
        return _number(one, text.strip(), name, faults)
    if one.kind is ParameterKind.CODE:
        return text.replace("\r\n", "\n")
    if one.most is not None and len(text) > one.most:
        faults[name] = f"has {len(text)} characters; at most {one.most:g} are allowed"
    return text


def _number(one: Parameter, text: str, name: str, faults: dict[str, str]) -> float | int | None:
    if not text:
        return None
    try:
        number: float | int = int(text) if one.kind is ParameterKind.INTEGER else float(text)
    except ValueError:
        faults[name] = f"{text[:_MOST_SHOWN]!r} is not a {'whole ' if one.kind is ParameterKind.INTEGER else ''}number"
        return None
    if abs(number) >= _MOST_NUMBER if isinstance(number, int) else not math.isfinite(number):
        faults[name] = f"{text[:_MOST_SHOWN]} is too large" if isinstance(number, int) else f"{text} is not finite"
    elif one.least is not None and number < one.least:
        faults[name] = f"is {text}, less than {one.least:g}"
    elif one.most is not None and number > one.most:
        faults[name] = f"is {text}, more than {one.most:g}"
    return number


def _rows(one: Parameter, given: Mapping[str, str], name: str, faults: dict[str, str]) -> list[dict[str, Any]]:
    numbers = {key[len(name) + 1 :].partition(".")[0] for key in given if key.startswith(f"{name}.")}
    rows = []
    for number in sorted(int(text) for text in numbers if _ROW.fullmatch(text))[:_MOST_ROWS]:
        at = f"{name}.{number}"
        if all(given.get(f"{at}.{each.name}", "").strip() in ("", _written(each.default)) for each in one.fields):
            continue  # the spare row, as it was drawn
        inner = read(one.fields, given, at)
        rows.append(inner.parameters)
        faults.update(inner.faults)
    return rows


def node_of(
    operator: Operator, tool: Tool, parameters: dict[str, Any], node_id: str, inputs: Sequence[FlowEdge]
) -> Node:
    """Returns a node of the flow with these parameters."""
    given: dict[str, Any] = {"operator": tool.title, tool.member: parameters} if tool.title else parameters
    return Node(
        node_id, operator.type, operator.id, given, tuple(inputs), tuple({"name": name} for name in operator.outputs)
    )


def is_default(given: Mapping[str, str]) -> bool:
    return FILLED not in given
