"""The outcome of a check and of wrong requests, and the page of all outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from s3.verdict import cell, reason
from validation.judge import ask, asked, expected, operations

from services.check import REFERENCES, Check
from services.target import Target

HERE = Path(__file__).parent
KNOWN: dict[str, str] = {}
"""Known gaps of Sagewright, with the reasons; a check that passes must leave this list."""

INTRODUCTION = """# Conformance of the services

What Sagewright and, beside it, moto {version} do with each check of `tests/conformance/services`, and with wrong requests made
from botocore's models. [S3 has a page of its own](s3-conformance.md).

A check holds a server to what AWS documents, *API*, or was seen to answer: in a public thread that quotes it, in a test of moto's
that is verified against AWS, or where the unmodified SageMaker Python SDK depends on it. Both servers are started as their users
start them and asked by boto3. moto is a mock: it runs no job, and much of what it lacks here is none of its aims.

Wrong requests break one constraint of the model each: a member that is missing, too long or too short, of another type, no word
of its enumeration, not of its pattern, out of its range, or a token that is none. There is one for each constraint of each
operation that Sagewright serves, down to three levels; the answer must have the status 400 and the service's code.

`make conformance` runs all of it and writes this page; `make test` runs it against Sagewright. What isn't served at all is in
[coverage](coverage.md), what is refused or done otherwise in [limits](limits.md).
"""


@dataclass(frozen=True)
class Verdict:
    """`fault` is why a check failed, "" where it passed."""

    check: Check
    fault: str = ""


@dataclass
class Tally:
    """Wrong requests to a service: how many were sent, and which were answered differently from AWS."""

    asked: int = 0
    otherwise: list[str] = field(default_factory=list)

    @property
    def right(self) -> int:
        return self.asked - len(self.otherwise)


@dataclass(frozen=True)
class Outcome:
    verdicts: Sequence[Verdict]
    tallies: Mapping[str, Tally]

    def of(self, service: str) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.check.service == service]

    def passed(self, service: str) -> int:
        return sum(not verdict.fault for verdict in self.of(service))


def judge(check: Check, target: Target) -> Verdict:
    try:
        check.call(target)
    except Exception as error:  # any failure is the server's, and is told
        return Verdict(check, reason(error, HERE))
    return Verdict(check)


def tally(target: Target) -> dict[str, Tally]:
    """By service, the answers to all wrong requests."""
    found: dict[str, Tally] = {service: Tally() for service in REFERENCES}
    for service, name in operations():
        for wrong in asked(service, name):
            described, code = ask(target, service, name, wrong), expected(service, name, wrong)
            found[service].asked += 1
            if (described.status, described.code) != (400, code):
                found[service].otherwise.append(
                    f"{name}: {wrong.name}: {described.status} {described.code}, not {code}"
                )
    return found


def page(ours: Outcome, theirs: Outcome, version: str) -> Iterator[str]:
    """The lines of the reference page."""
    yield INTRODUCTION.format(version=version)
    yield "## Totals\n"
    yield f"| service | checks | Sagewright | moto {version} | wrong requests | Sagewright | moto {version} |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    sums = [0] * 6
    for service in REFERENCES:
        mine, other = ours.tallies[service], theirs.tallies[service]
        checks = (len(ours.of(service)), ours.passed(service), theirs.passed(service))
        row = (*checks, mine.asked, mine.right, other.right)
        sums = [total + number for total, number in zip(sums, row, strict=True)]
        yield f"| [{service}](#{service}) | {' | '.join(map(str, row))} |"
    yield f"| all | {' | '.join(map(str, sums))} |"
    faults = {(verdict.check.service, verdict.check.name): verdict.fault for verdict in theirs.verdicts}
    for service in REFERENCES:
        yield f"\n## {service}\n"
        yield "| check | source | Sagewright | moto |"
        yield "| --- | --- | --- | --- |"
        for verdict in ours.of(service):
            check = verdict.check
            fault = KNOWN.get(check.name, verdict.fault) if verdict.fault else ""
            other_fault = faults[service, check.name]
            yield f"| {check.name} | {check.linked_source} | {cell(fault)} | {cell(other_fault)} |"
