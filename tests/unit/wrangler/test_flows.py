from __future__ import annotations

import json
import time

import pytest

from sagewright.wrangler import flows
from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import FlowEdge, Node, NodeType
from sagewright.wrangler.schema.declaration import parameters_of

DOCUMENT = {
    "metadata": {"version": 1, "disable_limits": False},
    "parameters": [{"name": "day"}],
    "internal_metadata": {"dw_job": {"outputs": ["b.default"]}},
    "nodes": [
        {
            "node_id": "b",
            "type": "TRANSFORM",
            "operator": "sagemaker.spark.manage_rows_0.1",
            "parameters": {"operator": "Shuffle", "shuffle_parameters": {}},
            "inputs": [{"name": "df", "node_id": "a", "output_name": "default"}],
            "outputs": [{"name": "default"}],
            "unheard": [1, {"of": None}],
        },
        {
            "node_id": "a",
            "type": "SOURCE",
            "operator": "sagemaker.s3_source_0.1",
            "parameters": {"dataset_definition": {"canvasDatasetMetadata": {"id": 7}}},
            "inputs": [],
            "outputs": [{"name": "default", "sampling": {"sampling_method": "sample_by_limit", "limit_rows": 50000}}],
        },
    ],
}


def test_a_flow_is_saved_with_all_that_it_held() -> None:
    assert json.loads(flows.read(json.dumps(DOCUMENT)).text()) == DOCUMENT


def test_nodes_come_after_what_they_need() -> None:
    flow = flows.read(json.dumps(DOCUMENT))
    assert [one.node_id for one in flow.ordered()] == ["a", "b"]
    assert [one.node_id for one in flow.upstream("a")] == ["a"]
    assert [one.node_id for one in flow.followers("a")] == ["b"]


def test_a_node_is_added_or_replaced_by_its_id() -> None:
    flow = flows.read(json.dumps(DOCUMENT))
    added = flow.with_node(Node("c", NodeType.TRANSFORM, "x_0.1", inputs=(FlowEdge("df", "b"),)))
    assert [one.node_id for one in added.nodes] == ["b", "a", "c"]
    assert added.with_node(Node("c", NodeType.TRANSFORM, "y_0.1")).node("c").operator == "y_0.1"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": 3}, "a list `nodes`"),
        ({"nodes": [DOCUMENT["nodes"][0]]}, "is not in the flow"),
        ({"nodes": [{**DOCUMENT["nodes"][1], "type": "SINK"}]}, "'SINK'; it is one of SOURCE"),
        ({"nodes": [DOCUMENT["nodes"][1], DOCUMENT["nodes"][1]]}, "Two nodes have the id a"),
        ({"nodes": [{**DOCUMENT["nodes"][1], "inputs": [{"name": "df", "node_id": "a"}]}]}, "in a circle"),
        ({"nodes": [{**DOCUMENT["nodes"][1], "operator": 4}]}, r"nodes\[0\].operator has to be a string"),
    ],
)
def test_a_broken_flow_is_refused_with_the_place(change: dict[str, object], words: str) -> None:
    with pytest.raises(FlowError, match=words):
        flows.read(json.dumps(DOCUMENT | change))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[" * 150 + "]" * 150, "deeper than 100"),
        ("9223372036854775808", "beyond 64 bits"),
        (r'{"\ud800": 1}', "not Unicode"),
    ],
)
def test_values_that_cannot_be_written_again_are_refused(value: str, words: str) -> None:
    with pytest.raises(FlowError, match=words):
        flows.read(f'{{"nodes": [], "more": {value}}}')
    with pytest.raises(FlowError, match=words):
        flows.Flow(others={"more": json.loads(value)}).text()


def test_a_node_has_a_bounded_number_of_inputs() -> None:
    wide = {**DOCUMENT["nodes"][0], "inputs": DOCUMENT["nodes"][0]["inputs"] * 101}
    with pytest.raises(FlowError, match=r"nodes\[0\].inputs has to be a list of at most 100"):
        flows.read(json.dumps({"nodes": [wide, DOCUMENT["nodes"][1]]}))


def test_the_order_of_the_largest_flow_is_found_in_one_pass() -> None:
    count = flows.MOST_NODES
    chain = [
        Node(f"n{place}", NodeType.TRANSFORM, "x_0.1", inputs=(FlowEdge("df", f"n{place - 1}"),) if place else ())
        for place in range(count)
    ]
    flow = flows.Flow(tuple(reversed(chain)))
    assert flow.ordered() == tuple(chain)
    assert flow.downstream("n990") == tuple(chain[990:])
    started = time.process_time()
    for one in chain:
        assert flow.upstream(one.node_id)[-1] is one
    assert time.process_time() - started < 20


def test_objects_of_parameters_are_named_by_their_title() -> None:
    assert parameters_of("Min-max scaler") == "min_max_scaler_parameters"
    assert parameters_of("One-hot encode") == "one_hot_encode_parameters"
