"""Changes of a flow: a step added, replaced, taken out or moved. Each returns another flow; FlowError says why one can't be."""

from __future__ import annotations

from dataclasses import replace

from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow, FlowEdge, Node, NodeType

_FOLLOWS = (NodeType.TRANSFORM, NodeType.DESTINATION, NodeType.DATASET)
"""Nodes that are moved after a new step. A chart stays with the step that it shows."""


def insert(flow: Flow, node: Node) -> Flow:
    """Inserts a node after its first input, before the nodes that followed."""
    first = node.inputs[0] if node.inputs else None
    port = node.output_names[0] if node.outputs else ""
    if first is None or node.type is not NodeType.TRANSFORM or not port or len(node.inputs) > 1:
        return flow.with_node(node)

    def relinked(one: Node) -> Node:
        if one.type not in _FOLLOWS:
            return one
        edges = tuple(
            FlowEdge(edge.name, node.node_id, port)
            if (edge.node_id, edge.output_name) == (first.node_id, first.output_name)
            else edge
            for edge in one.inputs
        )
        return one if edges == one.inputs else replace(one, inputs=edges)

    return _with_nodes(flow, (*map(relinked, flow.nodes), node))


def replaced(flow: Flow, node: Node) -> Flow:
    """Replaces a node by its id; everything fitted after it is fitted again."""
    stale = {one.node_id for one in flow.downstream(node.node_id)}
    changed = flow.with_node(node)
    return _with_nodes(
        changed,
        tuple(
            replace(one, trained=None) if one.node_id in stale and one.trained is not None else one
            for one in changed.nodes
        ),
    )


def remove(flow: Flow, node_id: str) -> Flow:
    """Removes a node; the nodes that followed it follow its first input. Raises FlowError for a source that others need."""
    gone = flow.node(node_id)
    followers = flow.followers(node_id)
    if followers and not gone.inputs:
        raise FlowError(f"{len(followers)} steps need this source. Remove them first.")
    before = gone.inputs[0] if gone.inputs else None

    def relinked(one: Node) -> Node:
        if before is None:
            return one
        edges = tuple(
            FlowEdge(edge.name, before.node_id, before.output_name) if edge.node_id == node_id else edge
            for edge in one.inputs
        )
        return one if edges == one.inputs else replace(one, inputs=edges, trained=None)

    return _with_nodes(flow, tuple(relinked(one) for one in flow.nodes if one.node_id != node_id))


def moved(flow: Flow, node_id: str, earlier: bool) -> Flow:
    """Puts a step before the one that it follows, or after the one that follows it. Raises FlowError where there is none."""
    node = flow.node(node_id)
    if earlier:
        before = flow.node(node.inputs[0].node_id) if node.inputs else None
        if before is None or not _is_simple(before) or not _is_simple(node):
            raise FlowError("There is no step before this one to swap with.")
        return _placed(flow, node, before.inputs[0])
    after = [one for one in flow.followers(node_id) if _is_simple(one)]
    if not after or not _is_simple(node):
        raise FlowError("There is no step after this one to swap with.")
    return _placed(flow, node, FlowEdge(node.inputs[0].name, after[0].node_id, after[0].output_names[0]))


def _placed(flow: Flow, node: Node, after: FlowEdge) -> Flow:
    without = remove(flow, node.node_id)
    edge = FlowEdge(node.inputs[0].name, after.node_id, after.output_name)
    return insert(without, replace(node, inputs=(edge,), trained=None))


def _is_simple(node: Node) -> bool:
    return node.type is NodeType.TRANSFORM and len(node.inputs) == 1 and len(node.outputs) == 1


def _with_nodes(flow: Flow, nodes: tuple[Node, ...]) -> Flow:
    return Flow(nodes, flow.others)
