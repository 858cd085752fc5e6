from __future__ import annotations

from typing import Any

from sagewright.studio.wrangling.previewtables import MOST_COLUMNS, table_of


def column(name: str) -> dict[str, Any]:
    return {"name": name, "type": "long", "missing": 0, "invalid": 0, "distinct": 1, "counts": [1], "top": []}


def test_columns_that_the_session_left_out_are_counted_as_hidden() -> None:
    names = [f"c{number}" for number in range(MOST_COLUMNS + 5)]
    answer = {
        "columns": [column(one) for one in names], "rows": [["1"] * len(names)], "count": 1, "before": 1, "more": 900,
        "new": [names[-1]], "gone": [column("old")], "gone_rows": [["7"]], "seconds": 0.1,
    }  # fmt: skip
    table = table_of(answer, changed_first=True, sought="")
    assert [one.name for one in table.columns[:2]] == ["old", names[-1]]
    assert (len(table.columns), table.hidden, table.rows[0][0]) == (MOST_COLUMNS, 6 + 900, "7")
