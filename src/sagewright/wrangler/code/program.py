"""A whole flow as a program for polars that runs by itself."""

from __future__ import annotations

import pprint
from collections.abc import Mapping, Sequence
from typing import Any

from sagewright.wrangler.code.inlining import inlined
from sagewright.wrangler.code.runtime import RUNTIME
from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow, Node, NodeType
from sagewright.wrangler.operators.places import MODULES, plain_name
from sagewright.wrangler.schema import catalogue, values
from sagewright.wrangler.schema.state import state_of

_HEADER = '''"""{title}

Reads SOURCES and writes OUTPUTS; both may be local paths or S3 URIs. Needs polars{more}.
"""

from __future__ import annotations
'''
_PACKAGES = {
    "custom.sql": ("duckdb", "sqlglot", "pyarrow"),
    "custom.code": ("pandas", "pyarrow", "duckdb", "sqlglot"),
    "encoding.encode_categorical": ("numpy",),
    "rows.balance_data": ("numpy", "scipy"),
    "numeric.dimensionality_reduction": ("numpy",),
    "media.transform_images": ("pillow",),
}
_HOISTED = (
    "import polars as pl",
    "from collections.abc import Mapping",
    "from math import inf, nan",
    "from pathlib import Path",
    "from typing import Any",
)


def program(flow: Flow) -> str:
    """Returns the program. Raises FlowError, StepError."""
    nodes = [node for node in flow.ordered() if node.type is not NodeType.VISUALIZATION]
    modules = dict.fromkeys(_module(node) for node in nodes if node.type in (NodeType.TRANSFORM, NodeType.DATASET))
    imports, bodies = inlined([f"operators.{name}" for name in modules])
    packages = dict.fromkeys(one for name in modules for one in _PACKAGES.get(name, ()))
    outputs = {node.node_id: f"op_{number}_output" for number, node in enumerate(nodes, 1)}
    sources = _sources(nodes)
    lines = [_line(node, outputs, sources) for node in nodes]
    glossary = [f"# {outputs[node.node_id]}: {_glossed(node.node_id)}" for node in nodes]
    more = f", {', '.join(packages)}" if packages else ""
    return "\n".join(
        (
            _HEADER.format(title=f"A flow of {len(nodes)} nodes.", more=more),
            *_merged(imports),
            "",
            f"SOURCES = {_literal({sources[node.node_id]: _uri(node) for node in nodes if node.node_id in sources})}",
            f"OUTPUTS = {_literal({node.node_id: _target(node) for node in nodes if node.type is NodeType.DESTINATION})}",
            "",
            *bodies,
            RUNTIME.strip(),
            "",
            "",
            "def flow() -> dict[str, dict[str, pl.LazyFrame]]:",
            '    """Returns the outputs of each node, by its id."""',
            *(f"    {line}".replace("\n", "\n    ") for line in lines),
            "    return {",
            *(
                f"        {node.node_id!r}: {outputs[node.node_id]},"
                for node in nodes
                if node.type is not NodeType.DESTINATION
            ),
            "    }",
            "",
            "",
            'if __name__ == "__main__":',
            "    flow()",
            "",
            "# Glossary: variable to node_id",
            *glossary,
            "",
        )
    )


def _merged(imports: list[str]) -> list[str]:
    return sorted({*imports, *_HOISTED}, key=lambda line: (line.startswith("from"), line))


def _module(node: Node) -> str:
    name = plain_name(node.operator)
    if name not in MODULES:
        raise FlowError(f"The node {node.node_id} has the operator {node.operator}, which is unknown here.")
    return MODULES[name]


def _glossed(node_id: str) -> str:
    """Returns an id that cannot end the comment that contains it."""
    return node_id if node_id.isprintable() else repr(node_id)


def _sources(nodes: Sequence[Node]) -> dict[str, str]:
    """Returns a name for each source by its id; of several sources with one name, the later ones have their ids too."""
    found: dict[str, str] = {}
    for node in nodes:
        if node.type is NodeType.SOURCE:
            name = _dataset(node)
            found[node.node_id] = f"{name} ({node.node_id})" if name in found.values() else name
    return found


def _line(node: Node, outputs: Mapping[str, str], sources: Mapping[str, str]) -> str:
    inputs = [f"{outputs[edge.node_id]}[{edge.output_name!r}]" for edge in node.inputs]
    variable = outputs[node.node_id]
    if node.type is NodeType.SOURCE:
        return f"{variable} = s3_source(SOURCES[{sources[node.node_id]!r}], {_literal(_read(node))})"
    if node.type is NodeType.DESTINATION:
        return f"{variable} = s3_destination({inputs[0]}, OUTPUTS[{node.node_id!r}], {_literal(_written(node))})"
    declared = catalogue.find(node.operator)
    if declared is None:
        raise FlowError(f"The node {node.node_id} has the operator {node.operator}, which is unknown here.")
    title, checked = values.chosen(node, declared).title, values.checked(node, declared)
    _, state = state_of(node, checked)
    given = {"title": title, "values": _plain(checked), "fitted": state, "node_id": node.node_id}
    listed = "".join(f"    {name}={_literal(value)},\n" for name, value in given.items())
    return f"{variable} = run_step(\n    {plain_name(node.operator)},\n    {', '.join(inputs)},\n{listed})"


def _plain(checked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values without the objects of chosen options, whose members are also next to the choice, if none differs."""
    return {
        name: value
        for name, value in checked.items()
        if not (isinstance(value, dict) and all(checked.get(inner) == one for inner, one in value.items()))
    }


def _dataset(node: Node) -> str:
    definition = node.parameters.get("dataset_definition")
    return str(definition.get("name") or node.node_id) if isinstance(definition, dict) else node.node_id


def _context(node: Node) -> Mapping[str, Any]:
    definition = node.parameters.get("dataset_definition")
    context = definition.get("s3ExecutionContext") if isinstance(definition, dict) else None
    return context if isinstance(context, dict) else {}


def _uri(node: Node) -> str:
    return str(_context(node).get("s3Uri") or f"{_dataset(node)}/")


def _read(node: Node) -> dict[str, Any]:
    names = (
        "s3ContentType",
        "s3HasHeader",
        "s3FieldDelimiter",
        "s3SkipLines",
        "s3AddsFilenameColumn",
        "s3DirIncludesNested",
    )
    return {name: _context(node)[name] for name in names if name in _context(node)}


def _target(node: Node) -> str:
    held = node.parameters.get("output_config")
    return str(held.get("output_path") or "output/") if isinstance(held, dict) else "output/"


def _written(node: Node) -> dict[str, Any]:
    held = node.parameters.get("output_config")
    names = ("output_content_type", "delimiter", "compression")
    return {name: held[name] for name in names if name in held} if isinstance(held, dict) else {}


def _literal(value: Any) -> str:
    return pprint.pformat(value, width=110, sort_dicts=False)
