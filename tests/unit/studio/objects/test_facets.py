"""Facets of previews: which columns have them, what they count, and any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.studio.objects.facets import MOST_DISTINCT, MOST_FACETS, MOST_VALUES, chosen_values, facets, matching
from sagewright.studio.objects.previews import Preview, preview


def table(lines: list[str]) -> Preview:
    content = "\n".join(["id,colour,size,<b>", *lines]).encode()
    return preview("a.csv", content, len(content))


ROWS = [f"{at},{('red', 'green', 'blue')[at % 3]},{('S', '')[at % 2]},{at % 40}" for at in range(120)]


def test_columns_with_few_values_are_counted() -> None:
    found = facets(table(ROWS), {})
    assert [(one.column, one.name) for one in found] == [(1, "colour"), (2, "size")]
    assert [(one.value, one.count, one.chosen) for one in found[0].values] == [
        ("blue", 40, False),
        ("green", 40, False),
        ("red", 40, False),
    ]
    assert [(one.value, one.count) for one in found[1].values] == [("", 60), ("S", 60)]
    assert facets(table(["1,a,S,1", "2,b,S,1"]), {}) == (), "each value is rare"


def test_a_value_that_is_chosen_filters_the_rows_and_the_other_columns() -> None:
    shown = table([*ROWS, "999,violet,S,1"])
    chosen = chosen_values(["1~violet", "x", "2", "-1~a", "9999~a", "²~a"])
    assert chosen == {1: "violet"}
    assert [row[0] for row in matching(shown, chosen).rows] == ["999"]
    colour, size = facets(shown, chosen)
    assert [(one.value, one.count, one.chosen) for one in colour.values][:2] == [
        ("violet", 1, True),
        ("blue", 40, False),
    ]
    assert {(one.value, one.count) for one in size.values} == {("S", 1), ("", 0)}
    assert matching(shown, {3: "no such value"}).rows == ()
    assert matching(shown, {77: "beyond"}).rows == ()
    assert facets(shown, {0: "5"})[0].others == len(shown.rows) - MOST_VALUES


@pytest.mark.parametrize("content", ["\n", "\r\n\r\n", " \n", "\n\n\n"])
def test_blank_lines_are_no_table(content: str) -> None:
    shown = preview("a.csv", content.encode(), len(content))
    assert shown.kind == "text" or shown.rows
    assert facets(shown, {}) == ()


@given(
    st.binary(max_size=2000) | st.text("a,\n\"'\t;", max_size=400).map(str.encode),
    st.sampled_from(["a.csv", "a.jsonl", "a"]),
    st.dictionaries(st.integers(0, 70), st.text(max_size=3), max_size=3),
)
def test_any_bytes_have_facets_that_count_their_rows(content: bytes, key: str, chosen: dict[int, str]) -> None:
    shown = preview(key, content, len(content))
    for one in facets(shown, {}):
        assert len(one.values) <= MOST_VALUES
        assert sum(each.count for each in one.values) <= len(shown.rows)
        assert (one.others > 0) or sum(each.count for each in one.values) == len(shown.rows)
        assert len(one.values) + one.others <= MOST_DISTINCT
    kept = matching(shown, chosen)
    assert set(kept.rows) <= set(shown.rows)
    assert len(facets(shown, chosen)) <= MOST_FACETS
