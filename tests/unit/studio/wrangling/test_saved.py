from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from sagewright.model.errors import ValidationException
from sagewright.studio.pages.wrangler.flowcharts import flow_chart
from sagewright.studio.visit import Place, Visit
from sagewright.studio.wrangling import saved
from sagewright.wrangler.flows import Flow, FlowEdge, Node, NodeType

STEPS = Flow(
    (Node("a", NodeType.SOURCE, "x_0.1"), Node("b", NodeType.TRANSFORM, "y_0.1", inputs=(FlowEdge("df", "a"),)))
)


class OneObject:
    """Objects of S3 in memory, as a page's client."""

    def __init__(self, flow: Flow) -> None:
        self.objects = {saved.key_of("f"): flow.text().encode()}

    def call(self, _service: str, operation: str, /, **request: Any) -> dict[str, Any]:
        if operation == "ListObjectsV2":
            return {"Contents": [{"Key": key} for key in self.objects if key.startswith(request["Prefix"])]}
        if operation == "PutObject":
            self.objects[request["Key"]] = request["Body"]
            return {}
        return {"Body": self.objects[request["Key"]], "ETag": "t", "LastModified": datetime.now(UTC)}

    aside = call


def visit_of(flow: Flow) -> tuple[Visit, OneObject]:
    client = OneObject(flow)
    return Visit(cast(Any, client), Place("", "000000000000", "us-east-1"), {"name": "f"}), client


@pytest.mark.parametrize(
    ("edge", "words"), [(FlowEdge("df", "b"), "in a circle"), (FlowEdge("df", "a", "test"), "takes the output test")]
)
def test_a_change_that_could_not_be_read_again_is_refused(edge: FlowEdge, words: str) -> None:
    visit, client = visit_of(STEPS)
    before = dict(client.objects)
    with pytest.raises(ValidationException, match=words):
        saved.change(
            visit, "f", "t", lambda flow: flow.with_node(Node("b", NodeType.TRANSFORM, "y_0.1", inputs=(edge,)))
        )
    assert client.objects == before
    saved.change(visit, "f", "t", lambda flow: flow.with_node(Node("c", NodeType.SOURCE, "x_0.1")))
    assert len(saved.load(visit, "f").flow.nodes) == 3


def test_a_flow_without_steps_has_no_picture() -> None:
    with pytest.raises(ValidationException, match="no steps yet"):
        flow_chart(visit_of(Flow())[0])
