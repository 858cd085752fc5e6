"""The arena's statements about ours beside the libraries."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[3] / "bench" / "algorithms"


@pytest.fixture
def arena(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCH))
    yield importlib.import_module("arena")
    for name in ("arena", "arenapage", "contest", "facts", "page"):
        sys.modules.pop(name, None)


def held(arena: Any, better: str, **judges: Callable[[int], float]) -> Any:
    """The verdict on entrants of which each gives the quality that its function makes of the seed."""
    entrants = [arena.Entrant(name, lambda seed: seed, judge) for name, judge in judges.items()]
    bout = arena.Bout("data", "plain", lambda _seed: arena.Contest("", "quality", better, entrants))
    return arena.hold(bout, True, [10, 20, 30])


def test_what_is_worse_beyond_the_noise_loses(arena: Any) -> None:
    verdict = held(arena, "more", Sagewright=lambda seed: 0.8 + seed / 1000, other=lambda seed: 0.9 + seed / 1000)
    assert verdict.loses and verdict.ahead == pytest.approx(-0.1) and verdict.ours == pytest.approx(0.82)


def test_less_may_be_better(arena: Any) -> None:
    verdict = held(arena, "less", Sagewright=lambda _seed: 1.0, other=lambda _seed: 2.0)
    assert not verdict.loses and verdict.ahead == 1.0


def test_noise_and_trifles_are_no_loss(arena: Any) -> None:
    noisy = held(arena, "more", Sagewright=lambda seed: {10: 0.5, 20: 0.9, 30: 0.7}[seed], other=lambda _seed: 0.75)
    assert noisy.ahead < 0 and not noisy.loses
    assert not held(arena, "more", Sagewright=lambda _seed: 0.899, other=lambda _seed: 0.9).loses


def test_the_best_library_is_the_one_to_beat(arena: Any) -> None:
    verdict = held(arena, "less", Sagewright=lambda _seed: 2.0, good=lambda _seed: 1.0, bad=lambda _seed: 3.0)
    assert verdict.library == "good" and verdict.loses


def fails(_result: int) -> float:
    raise ValueError("no model")


def test_a_library_that_fails_is_out_and_ours_that_fails_loses(arena: Any) -> None:
    assert held(arena, "more", Sagewright=lambda _seed: 1.0, good=lambda _seed: 0.5, broken=fails).library == "good"
    ours = held(arena, "more", Sagewright=fails, good=lambda _seed: 0.5)
    assert ours.loses and "no model" in ours.fault
    with pytest.raises(RuntimeError, match="no library finished"):
        held(arena, "more", Sagewright=lambda _seed: 1.0, broken=fails)
