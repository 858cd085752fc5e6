"""Values of a node's parameters, with defaults applied and checked against the declaration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import Node
from sagewright.wrangler.schema.declaration import Operator, Parameter, ParameterKind, ParameterOption, Tool, member_of

MOST_TEXT = 1024 * 1024
MOST_LISTED = 10_000
_TRUE = {"yes": True, "true": True, "no": False, "false": False}


def checked(node: Node, operator: Operator) -> dict[str, Any]:
    """Returns the values of the chosen tool by name. The values of a chosen option are both next to the choice and in an object
    under the option's member. Raises StepError."""
    tool = chosen(node, operator)
    held = node.parameters.get(tool.member, {}) if tool.member else node.parameters
    held = held if isinstance(held, dict) else {}
    if tool.member and not held:
        held = {name: value for name, value in node.parameters.items() if name != "operator"}
    return _values(tool.fields, held, node)


def chosen(node: Node, operator: Operator) -> Tool:
    """Returns the tool that the node's `operator` names. Raises StepError."""
    given = node.parameters.get("operator")
    if given is None and len(operator.tools) == 1:
        return operator.tools[0]
    if given is None and any(one.title == "" for one in operator.tools):
        return next(one for one in operator.tools if one.title == "")
    if given is None:
        raise _fault(node, "Missing required parameter operator")
    tool = operator.tool(given) if isinstance(given, str) else None
    if tool is None and len(operator.tools) == 1 and not operator.tools[0].title:
        return operator.tools[0]
    if tool is None:
        raise _fault(node, f"Invalid choice selected for operator. {str(given)[:200]} is not supported.")
    return tool


def _values(fields: Sequence[Parameter], held: Mapping[str, Any], node: Node) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in fields:
        if one.kind is not ParameterKind.CHOICE or not any(option.fields for option in one.options):
            values[one.name] = _value(one, _given(held, one.name), node)
            continue
        choice = values[one.name] = _value(one, _given(held, one.name), node)
        option = next((option for option in one.options if option.value == choice), None)
        if option is not None and option.fields:
            inner = _values(option.fields, _inner(one, option, held), node)
            values[member_of(one, option)] = inner
            for name, value in inner.items():
                values.setdefault(name, value)
    return values


def _given(held: Mapping[str, Any], name: str) -> Any:
    """Returns a member; dots in the name lead into objects."""
    given: Any = held
    for part in name.split("."):
        given = given.get(part) if isinstance(given, Mapping) else None
    return given


def _inner(parameter: Parameter, option: ParameterOption, held: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the values of an option; flows of older containers have some of them next to the choice."""
    inner = held.get(member_of(parameter, option))
    inner = inner if isinstance(inner, dict) else {}
    names = {one.name for one in option.fields}
    return {**{name: value for name, value in held.items() if name in names}, **inner}


def _value(parameter: Parameter, given: Any, node: Node) -> Any:
    if given is None or given == "" or (given == [] and parameter.kind is not ParameterKind.ROWS):
        if given == "" and parameter.kind in (ParameterKind.TEXT, ParameterKind.CODE) and not parameter.required:
            return ""
        if parameter.required:
            raise _fault(node, f"Missing required parameter {parameter.name}")
        return parameter.default
    return _READERS[parameter.kind](parameter, given, node)


def _text(parameter: Parameter, given: Any, node: Node) -> str:
    if isinstance(given, list) and all(isinstance(one, (str, int, float)) for one in given):
        given = ",".join(map(str, given))
    if isinstance(given, (dict, list)):
        raise _fault(node, f"The parameter {parameter.name} has to be a text.")
    text = given if isinstance(given, str) else str(given)
    most = parameter.most if parameter.most is not None else MOST_TEXT
    if len(text) > most:
        raise _fault(node, f"The parameter {parameter.name} has {len(text):,} characters, more than {most:,.0f}.")
    return text


def _column(parameter: Parameter, given: Any, node: Node) -> str:
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, str):
        raise _fault(node, f"The parameter {parameter.name} has to be the name of one column.")
    return given


def _columns(parameter: Parameter, given: Any, node: Node) -> list[str]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise _fault(node, f"The parameter {parameter.name} has to be a list of column names.")
    if len(listed) > MOST_LISTED:
        raise _fault(node, f"The parameter {parameter.name} lists {len(listed):,} columns, more than {MOST_LISTED:,}.")
    return list(dict.fromkeys(listed))


def _number(parameter: Parameter, given: Any, node: Node) -> float:
    try:
        number = float(given) if not isinstance(given, bool) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise _fault(node, f"The parameter {parameter.name} must be a number, but it is {str(given)[:100]!r}.")
    _bound(parameter, number, node)
    return number


def _integer(parameter: Parameter, given: Any, node: Node) -> int:
    number = _number(parameter, given, node)
    if number != int(number):
        raise _fault(node, f"The parameter {parameter.name} must be a whole number, but it is {number}.")
    return int(number)


def _bound(parameter: Parameter, number: float, node: Node) -> None:
    if parameter.least is not None and number < parameter.least:
        raise _fault(node, f"The parameter {parameter.name} is {number:g}, less than {parameter.least:g}.")
    if parameter.most is not None and number > parameter.most:
        raise _fault(node, f"The parameter {parameter.name} is {number:g}, more than {parameter.most:g}.")


def _flag(parameter: Parameter, given: Any, node: Node) -> bool:
    if isinstance(given, bool):
        return given
    read = _TRUE.get(str(given).lower())
    if read is None:
        raise _fault(node, f"The parameter {parameter.name} must be true or false, not {str(given)[:100]!r}.")
    return read


def _choice(parameter: Parameter, given: Any, node: Node) -> str:
    text = {True: "Yes", False: "No"}[given] if isinstance(given, bool) else str(given)
    for option in parameter.options:
        if text.lower() in (option.value.lower(), *option.aliases):
            return option.value
    raise _fault(node, f"Invalid choice selected for {parameter.name}. {text[:200]} is not supported.")


def _rows(parameter: Parameter, given: Any, node: Node) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise _fault(node, f"The parameter {parameter.name} has to be a list of objects.")
    if parameter.most is not None and len(given) > parameter.most:
        raise _fault(node, f"The parameter {parameter.name} has {len(given)} entries, more than {parameter.most:,.0f}.")
    if parameter.required and not given:
        raise _fault(node, f"Missing required parameter {parameter.name}")
    return [_values(parameter.fields, one, node) for one in given]


_READERS = {
    ParameterKind.COLUMN: _column,
    ParameterKind.COLUMNS: _columns,
    ParameterKind.TEXT: _text,
    ParameterKind.CODE: _text,
    ParameterKind.INTEGER: _integer,
    ParameterKind.NUMBER: _number,
    ParameterKind.FLAG: _flag,
    ParameterKind.CHOICE: _choice,
    ParameterKind.ROWS: _rows,
}


def _fault(node: Node, reason: str) -> StepError:
    return StepError(node.node_id, node.operator, reason)
