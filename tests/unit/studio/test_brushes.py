from __future__ import annotations

from math import inf
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest

from sagewright.studio import brushes, charts
from sagewright.studio.brushes import Brush
from sagewright.studio.charts import Axis, ParallelRun
from sagewright.studio.visit import Visit


def visited(query: str) -> Visit:
    return Visit(
        cast(Any, None), cast(Any, None), every=tuple(parse_qsl(query, keep_blank_values=True)), address="/studio/t"
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ()),
        ("in=depth~2~5", (Brush("depth", 2, 5),)),
        ("in=depth~2~", (Brush("depth", 2, inf),)),
        ("in=a:b~~1e-3&in=depth~2~5", (Brush("a:b", -inf, 0.001), Brush("depth", 2, 5))),
        ("in=depth~2~5&in=depth~3~4", (Brush("depth", 3, 4),)),
        ("in=depth~2~5&axis=eta&from=.1&to=", (Brush("depth", 2, 5), Brush("eta", 0.1, inf))),
        ("in=depth~5~2&in=depth~nan~3&in=depth~~&in=~1~2&in=depth~x~3&axis=eta&from=&to=", ()),
    ],
)
def test_ranges_are_read_from_the_address(query: str, expected: tuple[Brush, ...]) -> None:
    assert brushes.read(visited(query)) == expected


def test_a_chip_leads_to_the_address_without_its_range() -> None:
    visit = visited("in=depth~2~5&axis=eta&from=.1&to=&sort=x")
    words = {chip.label: (chip.value, chip.off) for chip in brushes.chips(visit, brushes.read(visit))}
    assert words["depth"][0] == "2 to 5"
    assert words["eta"][0] == "at least 0.1"
    left = {name: dict(parse_qsl(urlsplit(off).query, keep_blank_values=True)) for name, (_, off) in words.items()}
    assert left["depth"] == {"axis": "eta", "from": ".1", "to": "", "sort": "x"}
    assert left["eta"] == {"in": "depth~2~5", "sort": "x"}


def test_a_range_keeps_both_of_its_ends_and_no_run_without_a_value() -> None:
    brush = Brush("depth", 2, 5)
    assert [brush.keeps({"depth": value}) for value in (1.9, 2, 5, 5.1)] == [False, True, True, False]
    assert not brush.keeps({"eta": 3})


@pytest.mark.parametrize("kept", [(-inf, 0.01), (0.01, inf), (-5, 0), (0.002, 0.02), (1e9, inf)])
def test_a_range_is_drawn_within_its_axis(kept: tuple[float, float]) -> None:
    axes = [Axis("eta <b>", [0.001, 0.01, 0.1], kept), Axis("auc", [0.5, 0.6, 0.7])]
    drawn = charts.parallel(axes, [ParallelRun(name, "r0") for name in "abc"], "Three runs", height=142)
    assert drawn.count('class="brush"') == 1
    assert "<b>" not in drawn
    place = drawn.partition('class="brush"')[2]
    top, height = (float(place.partition(f' {name}="')[2].partition('"')[0]) for name in ("y", "height"))
    assert 30 <= top <= top + height <= 30 + 100 + 2.5
