"""`make arena`: every algorithm beside the best open library on data that chose nothing; `make arena NAMES="pca knn" ROUNDS=3`.

A module of `bouts` of the algorithm's name (with underscores) has `bouts()`, which gives `Bout`s, and `PEERS`, distributions whose
versions count. `bouts/manifest.toml` says of all data where it comes from and whether anything of ours was chosen on it. Each round
has a seed of its own, drawn when the arena is run: of the split, of what is generated, and of every entrant. Writes
bench/algorithms/results/arena/NAME.json and from all of these docs/reference/algorithms/arena.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import secrets
import statistics
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import arenapage
from contest import Contest, Entrant, alone, rehearse
from facts import facts

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "arena"
ROUNDS = 3
WORSE = 0.005
"""Of the quality: what is worse by less is no loss, however sure it is."""
SAME = 0.001
"""Of the quality: libraries so near to the best are as good, and the quickest of them is the one to beat."""
BEYOND_NOISE = 2.0
"""Standard errors of the paired difference beyond which it is no noise."""


@dataclass(frozen=True)
class Bout:
    """`data`: its name in the manifest; `variant`: what was done to it, or "plain"; `enter` makes the contest of a seed."""

    data: str
    variant: str
    enter: Callable[[int], Contest]


@dataclass(frozen=True)
class Turn:
    """One run of one entrant."""

    seconds: float
    quality: float
    megabytes: float


@dataclass(frozen=True)
class Verdict:
    """Ours beside the best library: means over the rounds.

    `ahead`: how much better ours is, in the units of the quality, positive if better, with its standard error `noise`; the
    ratios are ours to theirs; `megabytes` what each added at its peak.
    """

    data: str
    variant: str
    counts: bool
    quality_name: str
    better: str
    ours: float
    library: str
    theirs: float
    ahead: float
    noise: float
    cpu_ratio: float
    megabytes: tuple[float, float]
    fault: str = ""

    @property
    def loses(self) -> bool:
        beyond_noise = -self.ahead > BEYOND_NOISE * self.noise
        return bool(self.fault) or (beyond_noise and -self.ahead > WORSE * abs(self.theirs))

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "loses": self.loses}


def hold(bout: Bout, counts: bool, seeds: Sequence[int]) -> Verdict:
    """All rounds of one bout. A library that fails is out; raises RuntimeError if all of them do."""
    turns: dict[str, list[Turn]] = {}
    faults: dict[str, str] = {}
    contest = None
    for seed in seeds:
        contest = bout.enter(seed)
        for entrant in contest.entrants:
            if entrant.name not in faults:
                _turn(entrant, seed, turns, faults)
    assert contest is not None
    ours = next(entrant.name for entrant in contest.entrants if entrant.ours)
    others = [entrant.name for entrant in contest.entrants if not entrant.ours and entrant.name not in faults]
    if not others:
        raise RuntimeError(f"{bout.data}, {bout.variant}: no library finished: {faults}")
    sign = 1.0 if contest.better == "more" else -1.0
    library = _best(others, turns, sign)
    return _verdict(bout, counts, contest, (ours, library), turns, faults.get(ours, ""))


def _turn(entrant: Entrant, seed: int, turns: dict[str, list[Turn]], faults: dict[str, str]) -> None:
    try:
        turns.setdefault(entrant.name, []).append(Turn(*alone(entrant, seed)))
    except RuntimeError as error:
        faults[entrant.name] = str(error)
        print(f"    {error}", file=sys.stderr, flush=True)


def _best(names: Sequence[str], turns: dict[str, list[Turn]], sign: float) -> str:
    """The quickest of those whose quality is the best, or so near to it that nobody could tell."""
    quality = {name: sign * statistics.mean(turn.quality for turn in turns[name]) for name in names}
    best = max(quality.values())
    level = [name for name in names if quality[name] >= best - SAME * abs(best)]
    return min(level, key=lambda name: statistics.median(turn.seconds for turn in turns[name]))


def _verdict(
    bout: Bout, counts: bool, contest: Contest, names: tuple[str, str], turns: dict[str, list[Turn]], fault: str
) -> Verdict:
    ours, theirs = (turns[name] for name in names) if not fault else ([], turns[names[1]])
    sign = 1.0 if contest.better == "more" else -1.0
    ahead = [sign * (mine.quality - other.quality) for mine, other in zip(ours, theirs, strict=False)]
    nothing = float("nan")
    return Verdict(
        data=bout.data,
        variant=bout.variant,
        counts=counts,
        quality_name=contest.quality,
        better=contest.better,
        ours=statistics.mean(turn.quality for turn in ours) if ours else nothing,
        library=names[1],
        theirs=statistics.mean(turn.quality for turn in theirs),
        ahead=statistics.mean(ahead) if ahead else nothing,
        noise=statistics.stdev(ahead) / len(ahead) ** 0.5 if len(ahead) > 1 else 0.0,
        cpu_ratio=_median(ours, "seconds") / max(1e-6, _median(theirs, "seconds")) if ours else nothing,
        megabytes=(_median(ours, "megabytes") if ours else nothing, _median(theirs, "megabytes")),
        fault=fault,
    )


def _median(turns: Sequence[Turn], name: str) -> float:
    return statistics.median(getattr(turn, name) for turn in turns)


def manifest() -> dict[str, dict[str, Any]]:
    """Of each data set: `source`, `use` ("judging" or "choosing"), `algorithms`, and `generated`."""
    return tomllib.loads((HERE / "bouts" / "manifest.toml").read_text())


def known() -> list[str]:
    return sorted(path.stem for path in (HERE / "bouts").glob("*.py") if path.stem != "__init__")


def run(name: str, rounds: int, only: str) -> None:
    """All bouts of an algorithm, whose data's names begin with `only`; their verdicts are kept."""
    module = importlib.import_module(f"bouts.{name}")
    sets, title = manifest(), name.replace("_", "-")
    verdicts = []
    rehearse(title)
    for bout in module.bouts():
        if not bout.data.startswith(only):
            continue
        described = sets[bout.data]
        if title not in described["algorithms"]:
            raise ValueError(f"bouts/manifest.toml doesn't say that {bout.data} is data of {title}")
        seeds = [secrets.randbelow(2**31 - 1) for _ in range(rounds)]
        verdicts.append(hold(bout, described["use"] == "judging", seeds))
        print(arenapage.line(title, verdicts[-1].document()), flush=True)
    if not only:
        RESULTS.mkdir(parents=True, exist_ok=True)
        document = {
            "algorithm": title,
            "rounds": rounds,
            "facts": list(facts(module.PEERS)),
            "bouts": [verdict.document() for verdict in verdicts],
        }
        (RESULTS / f"{title}.json").write_text(json.dumps(document, indent=1) + "\n")


def main() -> None:
    names = known()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--data", default="", help="only data whose names begin so; nothing is written")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names):
        parser.error(f"no such algorithm: {', '.join(sorted(unknown))}")
    if any(os.environ.get(variable) != "1" for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")):
        parser.error("OMP_NUM_THREADS and OPENBLAS_NUM_THREADS must be 1 before it starts: use make")
    for name in asked.names or names:
        run(name, asked.rounds, asked.data)
    if not asked.data:
        arenapage.write(RESULTS)


if __name__ == "__main__":
    main()
