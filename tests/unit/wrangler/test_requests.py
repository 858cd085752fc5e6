from __future__ import annotations

import pytest

from sagewright.wrangler.flows import Flow, Node, NodeType
from sagewright.wrangler.requests import source_names


@pytest.mark.parametrize(
    ("names", "inputs"),
    [
        (("a", "a", "a-2", "a"), ("a", "a-2", "a-2-2", "a-3")),
        (("flow", "output", "output-7"), ("flow-data", "output-data", "output-7-data")),
        (("..", ".x/y", "ä b"), ("data", "x-y", "--b")),
        (("x" * 500,), ("x" * 200,)),
    ],
)
def test_each_source_has_an_input_and_a_folder_of_its_own(names: tuple[str, ...], inputs: tuple[str, ...]) -> None:
    nodes = tuple(
        Node(str(number), NodeType.SOURCE, "x_0.1", {"dataset_definition": {"name": name}})
        for number, name in enumerate(names)
    )
    assert tuple(source_names(Flow(nodes)).values()) == inputs
