"""`make bench-tuning`: the searchers beside other tuners, for as many minutes as MINUTES says; then the page.

What has been run is kept in bench/tuning/results, one line a run, and not run again: more minutes are more seeds. Seeds go round
by round, so that whenever it ends all tuners have run on the same problems. Slow tuners are asked for by name:
`make bench-tuning NAMES='tables --tuners "Optuna GP" SMAC3 "Syne Tune CQR"'`; HEBO has an environment of its own, which writes no
page: `TUNING=tuning-hebo NAMES='tables --tuners HEBO'`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import cost
import gridtables
import models
import page
import recordings
import synthetic
import tables
import tuners

RESULTS = Path(__file__).parent / "results"
TRIALS = 50
Run: TypeAlias = tuple[dict[str, Any], Callable[[], dict[str, Any]]]
"""Which it is, and what holds it."""


def main() -> None:
    _run()
    if find_spec("optuna") is not None:  # in HEBO's environment there is none, nor the versions that the page tells
        page.write()


def _run() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--tuners", nargs="*", default=(), metavar="TUNER", help="instead of the quick ones")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"{', '.join(SUITES)}; all without any")
    told = parser.parse_args()
    end = time.monotonic() + 60 * told.minutes
    RESULTS.mkdir(exist_ok=True)
    chosen = told.suites or list(SUITES)
    for name in chosen if told.fresh else ():
        (RESULTS / f"{name}.jsonl").unlink(missing_ok=True)
    done = {name: {_key(run) for run in page.runs(name)} for name in chosen}
    for seed, name in itertools.product(range(told.first_seed, told.seeds), chosen):
        for run, hold in SUITES[name](seed, tuple(told.tuners)):
            if _key(run) in done[name]:
                continue
            if time.monotonic() > end:
                return
            with (RESULTS / f"{name}.jsonl").open("a") as lines:
                lines.write(json.dumps(run | hold()) + "\n")


def _key(run: dict[str, Any]) -> tuple[str, str, int]:
    return run["problem"], run["tuner"], run["seed"]


def _contests(problems: Sequence[Any], seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    for problem, tuner in itertools.product(problems, chosen):
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


def _tables(seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    """Those that chose nothing."""
    held_out = [(family, name) for family, name in tables.every() if name not in tables.CHOSE]
    return _contests(_once("tables", lambda: [tables.Table(*each) for each in held_out]), seed, chosen or page.QUICK)


def _recorded(seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    return _contests(_once("recorded", recordings.every), seed, chosen or page.QUICK)


def _grids(seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    return _contests(_once("grids", lambda: gridtables.every(seen=False)), seed, chosen or page.QUICK)


def _exact(seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    return _contests(_once("exact", lambda: gridtables.every(seen=False, exact=True)), seed, chosen or page.QUICK)


def _synthetic(seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    return _contests(synthetic.every(), seed, chosen or page.NAMELESS)


def _models(seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    return _contests(_once("models", models.every), seed, chosen or page.QUICK)


def _cost(seed: int, _: tuple[str, ...]) -> Iterator[Run]:
    if seed == 0:
        for trials in cost.TRIALS:
            run = {"problem": str(trials), "tuner": "Sagewright", "seed": 0}
            yield run, lambda trials=trials: {"ms": round(cost.best_ms(trials), 1)}


def _curves(seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    from curvetuners import BUDGET

    return _on_curves(seed, chosen, BUDGET)


def _long(seed: int, chosen: tuple[str, ...]) -> Iterator[Run]:
    from curvetuners import LONG

    return _on_curves(seed, chosen or page.LONG, LONG)


def _on_curves(seed: int, chosen: tuple[str, ...], budget: int) -> Iterator[Run]:
    import curvetuners
    import lcbench

    for name in lcbench.names()[1::2] if lcbench.folder() else ():
        data = _once(name, lambda name=name: lcbench.DataSet(name))
        for tuner in chosen or curvetuners.SHORT:
            run = {"problem": name, "tuner": tuner, "seed": seed}
            yield run, lambda data=data, tuner=tuner: curvetuners.held(data, tuner, seed, budget)


SUITES: dict[str, Callable[[int, tuple[str, ...]], Iterator[Run]]] = {
    "tables": _tables,
    "recorded": _recorded,
    "grids": _grids,
    "exact": _exact,
    "synthetic": _synthetic,
    "models": _models,
    "curves": _curves,
    "long": _long,
    "cost": _cost,
}

if __name__ == "__main__":
    main()
