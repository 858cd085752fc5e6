"""`make bench-algorithms`: every algorithm's contests, or of those that are named: `make bench-algorithms NAMES="pca knn"`.

Writes bench/algorithms/results/NAME.json and from all of these docs/reference/algorithms/benchmarks.md. A module of the
algorithm's name (with underscores) has `contests()`, which gives `contest.Contest`s, and `PEERS`, distributions whose versions
count.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
from pathlib import Path

import contest
import page
from facts import facts

HERE = Path(__file__).parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
FRAME = {
    "__main__",
    "arena",
    "arenapage",
    "cases",
    "contest",
    "corpora",
    "deepcoverage",
    "deepdraws",
    "drawnmasks",
    "drawnobjects",
    "drawnscenes",
    "drawnsentences",
    "drawnpairs",
    "drawnpictures",
    "drawnrelations",
    "drawnrows",
    "drawntexts",
    "drawntopics",
    "drawnvisits",
    "draws",
    "edits",
    "hard",
    "heldout",
    "data",
    "facts",
    "frames",
    "gluontspeer",
    "generators",
    "halves",
    "labelled",
    "memory",
    "morecases",
    "packages",
    "page",
    "realtables",
    "scale",
    "strangerows",
    "tables",
    "truths",
    "verses",
    "wholejob",
}


def main() -> None:
    known = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in FRAME)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(known)}")
    names = parser.parse_args().names or known
    if unknown := set(names) - set(known):
        parser.error(f"no such algorithm: {', '.join(sorted(unknown))}")
    if any(os.environ.get(variable) != "1" for variable in THREADS):
        parser.error(f"{', '.join(THREADS)} must be 1 before it starts: use make")
    for name in names:
        measure(name)
    page.write()


def measure(name: str) -> None:
    """Hold the contests of one algorithm and keep what came out."""
    module = importlib.import_module(name)
    rows = []
    contest.rehearse(name.replace("_", "-"))
    for each in module.contests():
        held = [row.document() for row in contest.hold(name, each)]
        print(page.summary(held), flush=True)
        rows += held
    title = name.replace("_", "-")
    document = {"algorithm": title, "facts": list(facts(module.PEERS)), "rows": rows}
    page.RESULTS.mkdir(exist_ok=True)
    (page.RESULTS / f"{title}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
