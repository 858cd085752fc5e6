"""The goals of the bench: how large or small its figures should be, and what keeps those that miss their goal from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rows import Row, number

HEADINGS = ("", "what", "goal", "measured", "missed because")


@dataclass(frozen=True)
class Goal:
    """A bound on our figure in rows whose text begins with `what`; with a `peer`, on the ratio to peers whose name begins so.
    `floor`: what keeps a row that misses its goal from it.
    """

    section: str
    what: str
    most: float | None = None
    least: float | None = None
    peer: str | None = None
    floor: str = ""

    def judged(self, rows: Sequence[Row]) -> tuple[bool, list[str]]:
        """Returns whether the worst of the rows that it is for meets it, and the cells of a line."""
        own = [row for row in rows if self._is_for(row)]
        if not own:
            return False, [self.section, self.what, self._bound(""), "not measured", ""]
        row = (max if self.most is not None else min)(own, key=self._figure)
        met = self._figure(row) <= self.most if self.most is not None else self._figure(row) >= (self.least or 0)
        what = f"{self.what}, beside {row.peer}" if self.peer else row.what
        unit = "x" if self.peer else f" {row.unit}"
        return met, [self.section, what, self._bound(unit), number(self._figure(row)) + unit, "" if met else self.floor]

    def _is_for(self, row: Row) -> bool:
        return (
            row.section == self.section
            and row.what.startswith(self.what)
            and (self.peer is None or (row.peer.startswith(self.peer) and row.ratio is not None))
        )

    def _bound(self, unit: str) -> str:
        return f"≤ {number(self.most)}{unit}" if self.most is not None else f"≥ {number(self.least or 0)}{unit}"

    def _figure(self, row: Row) -> float:
        return (row.ratio or 0.0) if self.peer else row.ours


CREATE = (
    "a Create writes some 100 rows, most of them of the index of Search, which SQLite alone takes .5 ms for; the request, the "
    "engine and the computing of these rows are the rest"
)
MIX = (
    "20 times moto's is some 110 us a request, of which SQLite alone takes 50 for a tenth of a Create, and uvicorn with a constant "
    "answer 27; the rest is signatures, checks against the model, the engine and the index of Search"
)
SHARED = "clients, front and the model's server share two cores; the front checks a signature each time, no peer does"
PAGE = "the server's part is 30 to 60 ms of CPU, the rest Chromium's: Home, with little in it, takes 160 ms and more"
TLS = "one process more, which ends TLS, so that connections outlive the server"
GOALS = (
    Goal(
        "a", "Create → first line, script mode", most=20,
        floor="processor time of five processes, one after the other: some three times the machine's own fork + exec of Python",
    ),
    Goal("b", "no-op fit()", most=0.15, floor="the SDK's waits between its polls, its 20 calls, and the job"),
    Goal("c", "Describe:Create 9:1, answered on one core", least=20, peer="moto_server", floor=MIX),
    Goal("t", "Create, 100 jobs, SQLite", most=0.6, floor=CREATE),
    Goal(
        "d", "Describe through boto3, p50", least=1 / 1.15, peer="the client's own cost",
        floor="HTTP, the signature and the answer's JSON in Python, and two changes of process: .1 to .2 ms beside boto3's own",
    ),
    Goal("e", "List ", most=10),
    Goal("e", "Search ", most=10),
    Goal(
        "f", "exec → first answer, existing data", least=2, peer="moto_server",
        floor="uvicorn and SQLAlchemy alone take longer than the goal; 1,200 modules to load, of which a first request needs 70 %; "
        "moto loads a service when it is first asked for it, so that beside its first signed answer the ratio is better",
    ),
    Goal(
        "f", "RSS of the idle server and its processes, after one request", most=90,
        floor="uvicorn and SQLAlchemy alone are 50 MB, the rest is the code of own modules; "
        "until something is to be changed there is no fork server, which takes another 64 MB",
    ),
    Goal("k", "one-row JSON, 8 clients", least=10_000, floor=SHARED),
    Goal("k", "one-row JSON, 8 clients", least=8, peer="MLServer", floor=SHARED),
    Goal("k", "one-row JSON, 1 client", least=2, peer="FastAPI", floor=f"{SHARED}; FastAPI is one process, ours are two"),
    Goal("k", "CreateEndpoint to the first answer", most=1),
    Goal("k", "batch transform, 100,000 CSV rows", least=1, peer="the model in a loop"),
    Goal("h", "list", least=20_000, floor="the client (boto3) itself needs a second of CPU for 8,000 to 12,000 keys"),
    Goal("h", "CPU a small GET", most=0.45, floor="s5cmd asks twice for an object, HEAD and GET"),
    Goal("h", "memory", most=150, floor="the idle server and its fork server take 165 MB"),
    Goal("n", "DDP step, batch 64, two hosts, dense (407,050 parameters, 0.16 GFLOP a step): PyTorch's "
         "DistributedDataParallel over gloo: wall", least=0.95, peer="plain torchrun"),
    Goal("p", "a light step in a chain of 50", most=0.3, floor="a row of the store and its events, fifty in a transaction"),
    Goal(
        "p", "a no-op Processing step in a chain of 20", most=25,
        floor="CPU of five processes on two cores, a third of it the server's: docs/explanation/agents-and-sandboxes.md",
    ),
    Goal("q", "Search of 100,000 trial components sorted by a metric, p50", most=5),
    Goal("s", "an open page while nothing happens: the server's CPU", most=1),
    Goal("s", "10,000 jobs: the first 100, painted, cold cache", most=250, floor=PAGE),
    Goal("s", "100,000 jobs: the first 100, painted, cold cache", most=250, floor=PAGE),
    Goal("u", "Describe through boto3 over TLS, p50", least=1 / 1.1, peer="open", floor=TLS),
    Goal("u", "Describe:Create 9:1 over TLS, answered on one core", least=1 / 1.1, peer="open", floor=TLS),
    Goal("u", "Describe through boto3 with policies enforced, p50", least=1 / 1.1, peer="open"),
    Goal("u", "Describe:Create 9:1 with policies enforced, answered on one core", least=1 / 1.1, peer="open"),
)  # fmt: skip


def table(rows: Sequence[Row], goals: Sequence[Goal] = GOALS) -> list[str]:
    """Returns the goals of measured sections in Markdown, those that are missed first. Of the rows that a goal is for, the worst
    counts; a goal without a row is missed.
    """
    measured = {row.section for row in rows}
    found = sorted((goal.judged(rows) for goal in goals if goal.section in measured), key=lambda each: each[0])
    if not found:
        return []
    lines = ["## Goals", "", f"{sum(met for met, _ in found)} of {len(found)} are met.", ""]
    lines += ["| " + " | ".join(HEADINGS) + " |", "|---|---|---:|---:|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for _, cells in found]
    return [*lines, "", "## Measurements", ""]
