"""The shapes of operators and their parameters.

An operator with several tools has the chosen one's title in `operator`, and its values in `<title>_parameters`; so does a
choice with its own parameters (`scaler`, `min_max_scaler_parameters`). Source: the flow files of aws/amazon-sagemaker-examples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagewright.wrangler.flows import Node, NodeType


class ParameterKind(StrEnum):
    COLUMN = "column"  # the name of a column
    COLUMNS = "columns"  # a list of names; a single name is read as a list of one
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    CODE = "code"  # several lines of code in `language`
    ROWS = "rows"  # a list of objects with `fields`: conditions of a sort, parts of a split


@dataclass(frozen=True)
class ParameterOption:
    """A value of a choice, and the parameters that it brings along. `member`: the object that contains them, if its name does
    not follow from the value; `aliases`: other spellings that are read."""

    value: str
    fields: tuple[Parameter, ...] = ()
    member: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """`name`: the parameter's, with dots where it is a member of objects (`frequency.quantity`); `types`: types of columns that
    suit (long, float, string, bool, date, datetime, vector); none for any. `least` and `most` bound numbers, or lengths of texts
    and lists. `prefixed`: the object of an option's parameters is `<name>_<value>_parameters` rather than `<value>_parameters`."""

    name: str
    kind: ParameterKind
    label: str = ""
    default: Any = None
    required: bool = False
    options: tuple[ParameterOption, ...] = ()
    fields: tuple[Parameter, ...] = ()
    types: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    language: str = ""
    note: str = ""
    prefixed: bool = False


@dataclass(frozen=True)
class Tool:
    """`title`: the value of `operator`, "" for an operator with one tool; `sentence`: the effect, for a reader; `held`: the
    object that contains the values, if its name does not follow from the title; `memory`: the data of all rows that it keeps in
    memory, "" for a tool that streams them or uses the disk."""

    title: str
    sentence: str
    fields: tuple[Parameter, ...] = ()
    held: str = ""
    memory: str = ""

    @property
    def member(self) -> str:
        """Returns the name of the object with the tool's values, "" if they are in the node's parameters."""
        return self.held or (parameters_of(self.title) if self.title else "")


@dataclass(frozen=True)
class Operator:
    """`id` with its version; `label` and `group` are for readers; `inputs`: the names of its ports."""

    id: str
    label: str
    group: str
    tools: tuple[Tool, ...]
    type: NodeType = NodeType.TRANSFORM
    inputs: tuple[str, ...] = ("df",)
    outputs: tuple[str, ...] = ("default",)
    fits: bool = False

    def tool(self, title: str) -> Tool | None:
        return next((one for one in self.tools if one.title == title), None)


def parameters_of(title: str) -> str:
    """Returns `min_max_scaler_parameters` for "Min-max scaler"."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") + "_parameters"


def member_of(parameter: Parameter, option: ParameterOption) -> str:
    """Returns the name of the object with the parameters of a choice's option."""
    return option.member or parameters_of(f"{parameter.name} {option.value}" if parameter.prefixed else option.value)


def values_of(node: Node, operator: Operator) -> dict[str, Any]:
    """Returns the values of the chosen tool as the flow has them."""
    tool = operator.tool(node.title)
    held = node.parameters.get(tool.member, {}) if tool is not None and tool.member else node.parameters
    return dict(held) if isinstance(held, dict) else {}
