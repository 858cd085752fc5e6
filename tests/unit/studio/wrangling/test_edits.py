from __future__ import annotations

import pytest

from sagewright.studio.wrangling import edits
from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow, FlowEdge, Node, NodeType


def _node(node_id: str, *before: str, kind: NodeType = NodeType.TRANSFORM) -> Node:
    return Node(node_id, kind, "x_0.1", inputs=tuple(FlowEdge("df", one) for one in before), trained={"a": 1})


FLOW = Flow(
    (
        _node("data", kind=NodeType.SOURCE),
        _node("one", "data"),
        _node("two", "one"),
        _node("picture", "one", kind=NodeType.VISUALIZATION),
        _node("out", "two", kind=NodeType.DESTINATION),
    )
)


def _before(flow: Flow) -> dict[str, list[str]]:
    return {one.node_id: [edge.node_id for edge in one.inputs] for one in flow.nodes}


def test_a_step_put_between_two_is_what_the_second_follows() -> None:
    flow = edits.insert(FLOW, _node("new", "one"))
    assert _before(flow) == {
        "data": [], "one": ["data"], "two": ["new"], "picture": ["one"], "out": ["two"], "new": ["one"],
    }  # fmt: skip


def test_an_output_stays_at_the_end() -> None:
    assert _before(edits.insert(FLOW, _node("new", "two")))["out"] == ["new"]


def test_what_followed_a_step_that_goes_follows_the_one_before_it() -> None:
    flow = edits.remove(FLOW, "one")
    assert _before(flow) == {"data": [], "two": ["data"], "picture": ["data"], "out": ["two"]}
    with pytest.raises(FlowError, match="1 steps need this source"):
        edits.remove(FLOW, "data")


def test_steps_change_places() -> None:
    for flow in (edits.moved(FLOW, "two", earlier=True), edits.moved(FLOW, "one", earlier=False)):
        assert [one.node_id for one in flow.ordered() if one.type is NodeType.TRANSFORM] == ["two", "one"]
        assert _before(flow)["out"] == ["one"]
    with pytest.raises(FlowError, match="no step before"):
        edits.moved(FLOW, "one", earlier=True)


def test_a_replaced_step_and_those_after_it_are_fitted_again() -> None:
    flow = edits.replaced(FLOW, Node("one", NodeType.TRANSFORM, "y_0.1", inputs=(FlowEdge("df", "data"),)))
    assert {one.node_id: one.trained for one in flow.nodes} == {
        "data": {"a": 1}, "one": None, "two": None, "picture": None, "out": None,
    }  # fmt: skip
