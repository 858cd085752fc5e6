"""One step as a few lines of code for a reader, in polars, pandas or PySpark; `df` is the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sagewright.wrangler.code import frequent
from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Node
from sagewright.wrangler.operators.places import plain_name
from sagewright.wrangler.schema import catalogue, values
from sagewright.wrangler.schema.state import state_of

LANGUAGES = ("polars", "pandas", "pyspark")
Snippet = Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[str, str, str]]


def step(node: Node, language: str) -> str:
    """Returns the lines of a step; of one without a short form, the call that an exported program makes. Raises FlowError,
    StepError."""
    if language not in LANGUAGES:
        raise FlowError(f"The language {language!r} is not one of {', '.join(LANGUAGES)}.")
    declared = catalogue.find(node.operator)
    if declared is None:
        raise FlowError(f"The operator {node.operator} is unknown here.")
    name, title = plain_name(node.operator), values.chosen(node, declared).title
    checked = values.checked(node, declared)
    heading = f"# {title or declared.label}"
    snippet: Snippet | None = frequent.SNIPPETS.get((name, title))
    if snippet is None:
        return f"{heading}\n{_call(name, title, checked, language)}"
    lines = snippet(checked, state_of(node, checked)[1] or {})[LANGUAGES.index(language)]
    return f"{heading}\n{lines}" if lines else f"{heading}\n{_call(name, title, checked, language)}"


def _call(name: str, title: str, checked: Mapping[str, Any], language: str) -> str:
    given = {
        key: value for key, value in checked.items() if value not in (None, "", []) and not isinstance(value, dict)
    }
    call = f"df = run_step({name}, df, title={title!r}, values={given!r})"
    if language == "polars":
        return f"# a function of the exported program\n{call}"
    return f"# no short form in {language}: the exported program has it for polars\n# {call}"
