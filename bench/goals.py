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

    def holds_for(self, row: Row) -> bool:
        return (
            row.section == self.section
            and row.what.startswith(self.what)
            and (self.peer is None or (row.peer.startswith(self.peer) and row.ratio is not None))
        )

    def met_by(self, row: Row) -> bool:
        found = self._figure(row)
        return (self.most is None or found <= self.most) and (self.least is None or found >= self.least)

    def cells(self, row: Row) -> list[str]:
        unit = "x" if self.peer else f" {row.unit}"
        bound = f"≤ {number(self.most)}{unit}" if self.most is not None else f"≥ {number(self.least or 0)}{unit}"
        what = f"{self.what}, beside {row.peer}" if self.peer else row.what
        return [self.section, what, bound, f"{number(self._figure(row))}{unit}", "" if self.met_by(row) else self.floor]

    def worst(self, rows: Sequence[Row]) -> Row:
        return max(rows, key=self._figure) if self.most is not None else min(rows, key=self._figure)

    def _figure(self, row: Row) -> float:
        return (row.ratio or 0.0) if self.peer else row.ours


GOALS = (
    Goal("a", "Create → first line, script mode", most=20),
    Goal("b", "no-op fit()", most=0.15),
    Goal(
        "c", "Describe:Create 9:1, answered on one core", least=20, peer="moto_server",
        floor="a Describe alone is answered 18 to 24 times as often as moto answers the mix; a Create, with all that follows from "
        "it, costs as much as twelve Describes, and none of its steps is over a seventh of that",
    ),
    Goal("t", "Create, 100 jobs, SQLite", most=0.6, floor="as above"),
    Goal(
        "d", "Describe through boto3, p50", least=1 / 1.15, peer="the client's own cost",
        floor="HTTP, the signature and the answer's JSON in Python, and two changes of process: .1 to .2 ms beside boto3's own",
    ),
    Goal("e", "List ", most=10),
    Goal("e", "Search ", most=10),
    Goal(
        "f", "exec → first answer, existing data", least=2, peer="moto_server",
        floor="1,200 modules to load, of which a first request needs 70 %; moto loads a service when it is first asked for it, "
        "so that beside its first signed answer the ratio is better",
    ),
    Goal("f", "RSS of the idle server and its fork server", most=90, floor="two processes of Python with 1,200 and 500 modules"),
    Goal(
        "k", "one-row JSON, 8 clients", least=10_000,
        floor="the machine: 10,250 to 12,500 where a canned answer comes 29,000 times a second to one client. Clients, front "
        "and the model's server share two cores",
    ),
    Goal("k", "one-row JSON, 8 clients", least=8, peer="MLServer", floor="as above: 7.8 to 8.2 on that machine"),
    Goal(
        "k", "one-row JSON, 1 client", least=2, peer="FastAPI",
        floor="the peer is one process without a signature; ours are two, and on two cores with the client each request waits "
        "for two changes of process, .05 ms of .25",
    ),
    Goal("k", "CreateEndpoint to the first answer", most=1),
    Goal("k", "batch transform, 100,000 CSV rows", least=1, peer="the model in a loop"),
    Goal("h", "list", least=20_000, floor="the client (boto3) itself needs a second of CPU for 8,000 to 12,000 keys"),
    Goal("h", "CPU a small GET", most=0.45, floor="s5cmd asks twice, HEAD and GET; .47 on the machine of the rows (k)"),
    Goal("h", "memory", most=150, floor="113 MB of the idle server and 63 of its fork server"),
    Goal("n", "DDP step, batch 64, two hosts, dense (407,050 parameters, 0.16 GFLOP a step): PyTorch's "
         "DistributedDataParallel over gloo: wall", least=0.95, peer="plain torchrun"),
    Goal(
        "p", "a light step in a chain of 50", most=0.3,
        floor="the machine: .25 on that of the rows (k) above. It is one row and its events, fifty in a transaction",
    ),
    Goal(
        "p", "a no-op Processing step in a chain of 20", most=25,
        floor="65 ms of CPU on two cores: the server 25, the fork server 8, the agent and the next sandbox 32",
    ),
    Goal("q", "Search of 100,000 trial components sorted by a metric, p50", most=5, peer=None),
    Goal("s", "an open page while nothing happens: the server's CPU", most=1),
    Goal("s", "10,000 jobs: the first 100, painted, cold cache", most=250, floor="200 ms of Chromium, with one core for it"),
    Goal("s", "100,000 jobs: the first 100, painted, cold cache", most=250, floor="as above"),
    Goal(
        "u", "Describe through boto3 over TLS, p50", least=1 / 1.1, peer="open",
        floor="one process more, which ends TLS, so that connections outlive the server",
    ),
    Goal("u", "Describe:Create 9:1 over TLS, answered on one core", least=1 / 1.1, peer="open", floor="as above"),
    Goal("u", "Describe through boto3 with policies enforced, p50", least=1 / 1.1, peer="open"),
    Goal("u", "Describe:Create 9:1 with policies enforced, answered on one core", least=1 / 1.1, peer="open"),
)  # fmt: skip


def table(rows: Sequence[Row], goals: Sequence[Goal] = GOALS) -> list[str]:
    """Returns the goals in Markdown, those that are missed first. Of the rows that a goal is for, the worst counts."""
    found: list[tuple[bool, list[str]]] = []
    for goal in goals:
        own = [row for row in rows if goal.holds_for(row)]
        if own:
            worst = goal.worst(own)
            found.append((goal.met_by(worst), goal.cells(worst)))
    if not found:
        return []
    met = sum(each for each, _ in found)
    lines = ["## Goals", "", f"{met} of {len(found)} are met.", ""]
    lines += ["| " + " | ".join(HEADINGS) + " |", "|---|---|---:|---:|---|"]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        for _, cells in sorted(found, key=lambda each: each[0])
    ]
    return [*lines, "", "## Measurements", ""]
