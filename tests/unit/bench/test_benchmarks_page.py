"""The page of the algorithms' benchmarks is what their kept results give."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_the_page_is_that_of_the_kept_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "bench" / "algorithms"), *sys.path])
    monkeypatch.delitem(sys.modules, "page", raising=False)
    import page

    try:
        assert page.rendered() == (ROOT / "docs" / "reference" / "algorithms" / "benchmarks.md").read_text()
    finally:
        del sys.modules["page"]
