"""Charts are drawings of the values, and escape what users wrote."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.studio import charts
from sagewright.studio.charts import Axis, Curve, GraphNode, LaneSpan, ParallelRun
from sagewright.studio.charts.graphs import layered
from sagewright.studio.charts.scales import scale, ticks

EVIL = "<script>&\"'"


def parsed(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<all>{drawing}</all>")  # our own drawing


def test_every_chart_is_well_formed_whatever_users_wrote() -> None:
    nodes = {name: GraphNode(EVIL, EVIL, "ok", "train", f"/studio?{EVIL}") for name in "abc"}
    drawings = [
        charts.curves([Curve(EVIL, [0, 1, 2], [1.0, float("nan"), 3.0])], EVIL, names=True),
        charts.bars([(EVIL, 0.5)], EVIL),
        charts.lanes([(EVIL, [LaneSpan(0, 1, "b-ok", EVIL, EVIL)])], (0, 2), [(0, EVIL)], EVIL),
        charts.parallel(
            [Axis(EVIL, [1, 2]), Axis("b", [1, 1000])], [ParallelRun(EVIL, "k1"), ParallelRun("b", "k2")], EVIL
        ),
        charts.graph(nodes, [("a", "b"), ("b", "c"), ("a", "c")], EVIL),
        charts.meter([(50, "b-ok")], EVIL),
        charts.slots(1, 2, EVIL),
        charts.spark([1, 2, 3]),
    ]
    for drawing in drawings:
        assert parsed(drawing).iter()
        assert "<script" not in drawing
        assert "style=" not in drawing


def test_nothing_is_drawn_of_nothing() -> None:
    assert charts.curves([], "none") == ""
    assert charts.spark([1.0]) == ""
    assert charts.graph({}, [], "none") == ""


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
def test_ticks_are_few_ascending_and_within_the_scale(values: list[float]) -> None:
    over = scale(values)
    marks = [value for value, _ in ticks(over)]
    assert len(marks) <= 5
    assert marks == sorted(marks)
    slack = 1e-6 * (over.high - over.low)
    assert all(over.low - slack <= mark <= over.high + slack for mark in marks)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=20))
def test_no_two_nodes_share_a_place_and_edges_go_forward(edges: list[tuple[str, str]]) -> None:
    forward = [(one, other) for one, other in edges if one < other]
    laid = layered(list("abcdefgh"), forward)
    assert len(set(laid.places.values())) == 8
    assert all(laid.places[one][0] < laid.places[other][0] for one, other in forward)
    assert layered(list("abcdefgh"), forward) == laid


@pytest.mark.parametrize("edges", [[("a", "b"), ("b", "a")], [("a", "a")], [("a", "gone")]])
def test_circles_and_unknown_nodes_do_not_hang(edges: list[tuple[str, str]]) -> None:
    assert set(layered(["a", "b"], edges).places) == {"a", "b"}


@pytest.mark.parametrize(("axes", "few"), [(2, True), (3, True), (4, False)])
def test_the_labels_of_parallel_axes_are_within_the_drawing(axes: int, few: bool) -> None:
    """Those of the last axis are on its left; a drawing of few axes need not be wider than a phone."""
    drawing = str(charts.parallel([Axis(f"a{at}", [1.0, 2.5]) for at in range(axes)], [ParallelRun("r", "")] * 2, "x"))
    assert ('class="chart few"' in drawing) is few
    values = [one for one in parsed(drawing).iter("text") if one.get("class") == "halo"]
    assert [one.get("text-anchor") for one in values] == [None, None] * (axes - 1) + ["end", "end"]
    assert {one.get("dx") for one in values[-2:]} == {"-12"}
