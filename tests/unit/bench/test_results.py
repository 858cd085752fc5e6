"""The bench's kept rows: a module that is measured again, and one that fails."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules `results` and `rows`."""
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    for name in ("results", "rows"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import results
    import rows

    yield results, rows
    for name in ("results", "rows"):
        sys.modules.pop(name, None)


def measured(bench: Any, run: str, ours: float | None, failed: str = "") -> Any:
    results, rows = bench
    found = () if ours is None else (rows.Row("z", "a|thing", ours, "ms", "a peer", 10.0, "the disk"),)
    return results.Measured(found, run, f"{run} begun", f"{run} ended", (0.5, 1.5), "abc", ("two cores",), failed)


def test_rows_take_the_place_of_their_modules_former_ones(bench: Any, tmp_path: Path) -> None:
    results, _ = bench
    kept = results.Results(("one", "other"), tmp_path)
    kept.take("one", measured(bench, "first", 5.0))
    page = (tmp_path / "RESULTS.md").read_text()
    assert "| z | a\\|thing | 5.00 ms | a peer | 10.0 ms | 2.00x |  | the disk |" in page
    assert "- other has not been measured" in page
    again = results.Results(("one", "other"), tmp_path)
    again.take("other", measured(bench, "second", 4.0))
    again.take("one", measured(bench, "second", 2.0))
    page = (tmp_path / "RESULTS.md").read_text()
    assert "5.00 ms" not in page
    assert page.index("2.00 ms") < page.index("4.00 ms")
    assert "- second begun to second ended UTC, load 0.5 to 1.5, sources abc: one (z), other (z)\n  - two cores" in page
    assert "first" not in page


def test_a_module_that_fails_keeps_its_rows_and_says_so(bench: Any, tmp_path: Path) -> None:
    results, _ = bench
    kept = results.Results(("one",), tmp_path)
    kept.take("one", measured(bench, "first", 5.0))
    kept.take("one", measured(bench, "second", None, "OSError: the disk is full"))
    page = (tmp_path / "RESULTS.md").read_text()
    assert "5.00 ms" in page
    assert "- one failed when it was last measured: OSError: the disk is full" in page
    assert "first begun" in page
    kept.take("one", measured(bench, "third", 3.0))
    assert "failed" not in (tmp_path / "RESULTS.md").read_text()


def test_goals_show_the_worst_row_and_why_it_misses(bench: Any) -> None:
    _, rows = bench
    import goals

    some = [rows.Row("a", f"List {ours}", ours, "ms", "a peer", 10.0, "") for ours in (4.0, 12.0)]
    made = (
        goals.Goal("a", "List ", most=10, floor="the disk"),
        goals.Goal("a", "List 4", least=2, peer="a peer", floor="the net"),
        goals.Goal("a", "absent", most=1, floor="nothing"),
        goals.Goal("b", "a section that was not measured", most=1),
    )
    assert goals.table(some, made)[2:] == [
        "1 of 3 are met.",
        "",
        "|  | what | goal | measured | missed because |",
        "|---|---|---:|---:|---|",
        "| a | List 12.0 | ≤ 10.0 ms | 12.0 ms | the disk |",
        "| a | absent | ≤ 1.00 | not measured |  |",
        "| a | List 4, beside a peer | ≥ 2.00x | 2.50x |  |",
        "",
        "## Measurements",
        "",
    ]
    assert goals.table([], made) == []
