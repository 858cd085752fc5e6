"""The `.flow` document of Data Wrangler: nodes and their edges, with every unknown member kept as it is.

Source: the flow files of aws/amazon-sagemaker-examples, and `sagemaker.wrangler` of the SageMaker Python SDK.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from sagewright.wrangler.errors import FlowError

MOST_BYTES = 8 * 1024 * 1024
MOST_NODES = 1000
MOST_INPUTS = 100
"""Inputs of one node; an operator has two at most."""
MOST_DEPTH = 100
_MOST_INTEGER = 2**63
ENCODINGS = {"UTF_8": "utf-8", "UTF_16": "utf-16", "ISO_8859_1": "iso-8859-1", "US_ASCII": "ascii"}
"""Encodings of CSV, by the values of a source's s3CsvEncodingType."""
PORT = "default"
_OWN = ("node_id", "type", "operator", "parameters", "inputs", "outputs", "trained_parameters")


class NodeType(StrEnum):
    SOURCE = "SOURCE"
    TRANSFORM = "TRANSFORM"
    VISUALIZATION = "VISUALIZATION"
    DESTINATION = "DESTINATION"
    DATASET = "DATASET"
    """A name for a step's result, which it passes on."""


TABLES = (NodeType.SOURCE, NodeType.TRANSFORM, NodeType.DATASET)
"""Types of nodes whose result is a table that others build on."""


@dataclass(frozen=True)
class FlowEdge:
    """The input `name` of a node takes the output `output_name` of the node `node_id`."""

    name: str
    node_id: str
    output_name: str = PORT


@dataclass(frozen=True)
class Node:
    """`operator`: the id with its version; `trained`: fitted state by tool, as JSON; `others`: members that are not ours."""

    node_id: str
    type: NodeType
    operator: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[FlowEdge, ...] = ()
    outputs: tuple[Mapping[str, Any], ...] = ({"name": PORT},)
    trained: Mapping[str, Any] | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(str(one.get("name", PORT)) for one in self.outputs)

    @property
    def title(self) -> str:
        """Returns the chosen tool of an operator with several; "" for any other."""
        chosen = self.parameters.get("operator", "")
        return chosen if isinstance(chosen, str) else ""

    def written(self) -> dict[str, Any]:
        own: dict[str, Any] = {
            "node_id": self.node_id,
            "type": str(self.type),
            "operator": self.operator,
            "parameters": dict(self.parameters),
            "inputs": [
                {"name": one.name, "node_id": one.node_id, "output_name": one.output_name} for one in self.inputs
            ],
            "outputs": [dict(one) for one in self.outputs],
        }
        if self.trained is not None:
            own["trained_parameters"] = dict(self.trained)
        return {**own, **self.others}


@dataclass(frozen=True)
class Flow:
    """`nodes` in the order of the file; `others`: all members of the document besides them."""

    nodes: tuple[Node, ...] = ()
    others: Mapping[str, Any] = field(default_factory=lambda: {"metadata": {"version": 1, "disable_limits": False}})

    def node(self, node_id: str) -> Node:
        """Raises FlowError."""
        for one in self.nodes:
            if one.node_id == node_id:
                return one
        raise FlowError(f"The flow has no node {node_id}.")

    def ordered(self) -> tuple[Node, ...]:
        """Returns the nodes with each after its inputs, otherwise in the order of the file. Raises FlowError for a cycle."""
        return self._ordered

    @cached_property
    def _ordered(self) -> tuple[Node, ...]:
        nodes = {one.node_id: one for one in self.nodes}
        missing = {one.node_id: {edge.node_id for edge in one.inputs} for one in self.nodes}
        following: dict[str, list[str]] = {}
        for node_id, needed in missing.items():
            for before in needed:
                following.setdefault(before, []).append(node_id)
        places = {node_id: place for place, node_id in enumerate(nodes)}
        done: list[str] = []
        ready = [node_id for node_id, needed in missing.items() if not needed]
        while ready:
            done += ready
            for one in ready:
                for after in following.get(one, ()):
                    missing[after].discard(one)
            after_them = {after for one in ready for after in following.get(one, ())}
            ready = sorted((one for one in after_them if not missing[one]), key=places.__getitem__)
        if len(done) < len(nodes):
            waiting = [node_id for node_id in nodes if missing[node_id]]
            raise FlowError(f"The nodes {', '.join(waiting[:5])} need each other in a circle.")
        return tuple(nodes[node_id] for node_id in done)

    def upstream(self, node_id: str) -> tuple[Node, ...]:
        """Returns a node and all that it needs, in order."""
        needed = {node_id}
        for one in reversed(self.ordered()):
            if one.node_id in needed:
                needed.update(edge.node_id for edge in one.inputs)
        return tuple(one for one in self.ordered() if one.node_id in needed)

    def downstream(self, node_id: str) -> tuple[Node, ...]:
        """Returns a node and all that build on it, in order."""
        found = {node_id}
        for one in self.ordered():
            if any(edge.node_id in found for edge in one.inputs):
                found.add(one.node_id)
        return tuple(one for one in self.ordered() if one.node_id in found)

    def followers(self, node_id: str) -> tuple[Node, ...]:
        return tuple(one for one in self.nodes if any(edge.node_id == node_id for edge in one.inputs))

    def with_node(self, node: Node) -> Flow:
        """Returns the flow with a node added, or replaced by its id."""
        known = any(one.node_id == node.node_id for one in self.nodes)
        nodes = tuple(node if one.node_id == node.node_id else one for one in self.nodes)
        return Flow(nodes if known else (*nodes, node), self.others)

    def written(self) -> dict[str, Any]:
        return {**self.others, "nodes": [one.written() for one in self.nodes]}

    def text(self) -> str:
        """Raises FlowError."""
        _check_values(self.written())
        return json.dumps(self.written(), indent=2, ensure_ascii=False)


def new_id() -> str:
    return str(uuid.uuid4())


def read(text: str | bytes) -> Flow:
    """Parses a flow. Raises FlowError."""
    if len(text) > MOST_BYTES:
        raise FlowError(f"A flow has at most {MOST_BYTES} bytes, and this one {len(text)}.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FlowError(f"The flow is not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), list):
        raise FlowError("A flow is a JSON object with a list `nodes`.")
    if len(document["nodes"]) > MOST_NODES:
        raise FlowError(f"A flow has at most {MOST_NODES} nodes, and this one {len(document['nodes'])}.")
    _check_values(document)
    nodes = tuple(_node(number, one) for number, one in enumerate(document["nodes"]))
    _check(nodes)
    return Flow(nodes, {name: value for name, value in document.items() if name != "nodes"})


def _node(number: int, document: Any) -> Node:
    place = f"nodes[{number}]"
    _require(isinstance(document, dict), place, "an object")
    for name, kind, noun in (("node_id", str, "a string"), ("type", str, "a string"), ("operator", str, "a string")):
        _require(isinstance(document.get(name), kind), f"{place}.{name}", noun)
    for name in ("inputs", "outputs"):
        listed = document.get(name, [])
        _require(
            isinstance(listed, list) and all(isinstance(one, dict) for one in listed),
            f"{place}.{name}",
            "a list of objects",
        )
    _require(
        len(document.get("inputs", [])) <= MOST_INPUTS, f"{place}.inputs", f"a list of at most {MOST_INPUTS} objects"
    )
    parameters, trained = document.get("parameters") or {}, document.get("trained_parameters")
    _require(isinstance(parameters, dict), f"{place}.parameters", "an object")
    _require(trained is None or isinstance(trained, dict), f"{place}.trained_parameters", "an object")
    try:
        node_type = NodeType(document["type"])
    except ValueError:
        raise FlowError(f"{place}.type is {document['type']!r}; it is one of {', '.join(NodeType)}.") from None
    return Node(
        document["node_id"],
        node_type,
        document["operator"],
        parameters,
        tuple(_edge(place, one) for one in document.get("inputs", [])),
        tuple(document.get("outputs", [])),
        trained,
        {name: value for name, value in document.items() if name not in _OWN},
    )


def _edge(place: str, document: Mapping[str, Any]) -> FlowEdge:
    values = (document.get("name"), document.get("node_id"), document.get("output_name", PORT))
    _require(
        all(isinstance(one, str) for one in values), f"{place}.inputs", "objects with name, node_id and output_name"
    )
    name, node_id, output = map(str, values)
    return FlowEdge(name, node_id, output)


def _check(nodes: Sequence[Node]) -> None:
    """Raises FlowError for ids that occur twice, and edges from nowhere."""
    outputs: dict[str, tuple[str, ...]] = {}
    for one in nodes:
        if one.node_id in outputs:
            raise FlowError(f"Two nodes have the id {one.node_id}.")
        outputs[one.node_id] = one.output_names
    for one in nodes:
        for edge in one.inputs:
            if edge.node_id not in outputs:
                raise FlowError(f"Node {one.node_id} takes an input from {edge.node_id}, which is not in the flow.")
            if edge.output_name not in outputs[edge.node_id]:
                raise FlowError(
                    f"Node {one.node_id} takes the output {edge.output_name} of {edge.node_id}, which has none."
                )
    Flow(tuple(nodes)).ordered()


def _check_values(document: Any) -> None:
    """Raises FlowError for values that can't be written again: deep nesting, integers beyond 64 bits, and lone surrogates."""
    level: list[Any] = [document]
    for _ in range(MOST_DEPTH):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value
                inner += value.values()
            elif isinstance(value, list | tuple):
                inner += value
            elif isinstance(value, str):
                _check_text(value)
            elif isinstance(value, int) and not -_MOST_INTEGER <= value < _MOST_INTEGER:
                raise FlowError("The flow has an integer beyond 64 bits.")
        if not inner:
            return
        level = inner
    raise FlowError(f"The flow is nested deeper than {MOST_DEPTH} levels.")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FlowError(f"The flow has a text that is not Unicode: {text[:100]!r}.") from None


def _require(holds: bool, place: str, noun: str) -> None:
    if not holds:
        raise FlowError(f"{place} has to be {noun}.")
