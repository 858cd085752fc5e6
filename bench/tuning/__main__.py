"""`make bench-tuning`: the searchers beside other tuners, for as many minutes as MINUTES says; then the page.

What has been run is kept in bench/tuning/results, one line a run, and not run again: more minutes are more seeds. Seeds go round
by round, so that whenever it ends all tuners have run on the same problems. FRESH=1 begins anew.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cost
import curvetuners
import lcbench
import models
import page
import synthetic
import tables
import tuners

RESULTS = Path(__file__).parent / "results"
TRIALS = 50
SLOW = ("SMAC3", 2)
"""A tuner that takes long: so many seeds, on the tables only, when asked for as the suite `smac`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="tables, synthetic, models, curves; all without any")
    told = parser.parse_args()
    end = time.monotonic() + 60 * told.minutes
    RESULTS.mkdir(exist_ok=True)
    suites: dict[str, Callable[[int], Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]]] = {
        "tables": _tables,
        "synthetic": _synthetic,
        "models": _models,
        "curves": _curves,
        "smac": _smac,
        "cost": _cost,
    }
    chosen = told.suites or [name for name in suites if name != "smac"]
    for name in chosen if told.fresh else ():
        (RESULTS / f"{name}.jsonl").unlink(missing_ok=True)
    done = {name: {_key(run) for run in page.runs(name)} for name in chosen}
    for seed, name in itertools.product(range(told.seeds), chosen):
        for run, hold in suites[name](seed):
            if _key(run) in done[name]:
                continue
            if time.monotonic() > end:
                page.write()
                return
            with (RESULTS / f"{name}.jsonl").open("a") as lines:
                lines.write(json.dumps(run | hold()) + "\n")
    page.write()


def _key(run: dict[str, Any]) -> tuple[str, str, int]:
    return run["problem"], run["tuner"], run["seed"]


def _contests(
    problems: list[Any], seed: int, chosen: tuple[str, ...] = page.ALL
) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    for problem, tuner in itertools.product(problems, chosen):
        if tuner != SLOW[0] or seed < SLOW[1]:
            run = {"problem": problem.name, "tuner": tuner, "seed": seed}
            yield run, lambda problem=problem, tuner=tuner: _held(problem, tuner, seed)


def _held(problem: Any, tuner: str, seed: int) -> dict[str, Any]:
    course = tuners.course(problem, tuner, seed, TRIALS)
    return {"better": [float(f"{value:.4g}") for value in course.better], "ms": round(course.ms, 2)}


_kept: dict[str, Any] = {}


def _once(name: str, make: Callable[[], Any]) -> Any:
    if name not in _kept:
        _kept[name] = make()
    return _kept[name]


def _tables(seed: int) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    return _contests(_tables_kept(), seed)


def _tables_kept() -> list[tables.Table]:
    """Those that chose nothing."""
    held_out = [(family, name) for family, name in tables.every() if name not in tables.CHOSE]
    kept: list[tables.Table] = _once("tables", lambda: [tables.Table(*each) for each in held_out])
    return kept


def _synthetic(seed: int) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    return _contests(synthetic.every(), seed, page.NAMELESS)


def _cost(seed: int) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    if seed == 0:
        for trials in cost.TRIALS:
            run = {"problem": str(trials), "tuner": "Sagewright", "seed": 0}
            yield run, lambda trials=trials: {"ms": round(cost.ms(trials, 0), 1)}


def _smac(seed: int) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    return _contests(_tables_kept(), seed, ("SMAC3",))


def _models(seed: int) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    return _contests(_once("models", models.every), seed)


def _curves(seed: int) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    if lcbench.folder() is None:
        return
    for name in lcbench.names()[1::2]:
        for tuner in curvetuners.TUNERS:
            run = {"problem": name, "tuner": tuner, "seed": seed}
            yield (
                run,
                lambda name=name, tuner=tuner: curvetuners.held(
                    _once(name, lambda: lcbench.DataSet(name)), tuner, seed
                ),
            )


if __name__ == "__main__":
    main()
