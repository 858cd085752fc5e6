"""The outcome of a check, and the table of all outcomes."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from s3.check import GROUPS, Check
from s3.target import Target

HERE = Path(__file__).parent
KNOWN: dict[str, str] = {
    "an object under a customer s key needs that key": "not served: such a request is refused with NotImplemented",
}
"""Known gaps of the embedded server, with the reasons; a check that passes must leave this list."""

ASKING = frozenset({"refusal", "refused"})
"""Functions that ask on behalf of a check, whose line says more."""

INTRODUCTION = """# S3 conformance

What the embedded S3 and, beside it, SeaweedFS {version} do with each check of `tests/conformance/s3`. A check holds a server
to what Amazon documents: *API* names a page of the S3 API reference, *Guide* one of the S3 user guide. It runs against
servers started as a user starts them, with unmodified clients; SeaweedFS as strict as its options allow.

`make conformance` runs all of it and writes this page. `make test` runs the checks against Sagewright.
What isn't served at all is in [coverage](coverage.md#s3), what is refused in [limits](limits.md#other-services).
"""


@dataclass(frozen=True)
class Verdict:
    """`fault` is why a check failed, "" where it passed."""

    check: Check
    fault: str = ""


def judge(check: Check, target: Target) -> Verdict:
    """Run a check, and clear away what it made."""
    try:
        check.call(target)
    except Exception as error:  # any failure is the server's, and is told
        return Verdict(check, reason(error, HERE))
    finally:
        target.clear()
    return Verdict(check)


def reason(error: Exception, here: Path) -> str:
    """The line of the check that failed, and what was raised there; checks are in the folder `here`."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == here]
    own = (f.line for f in reversed(frames) if f.name not in ASKING and Path(f.filename).name != "verdict.py")
    line = next(own, "")
    described = " ".join(str(error).split())
    if isinstance(error, AssertionError):
        return f"{line}" + (f": {described[:120]}" if described else "")
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response['Error']['Code']}"
    return f"{type(error).__name__}: {described[:160]}"


def page(ours: Sequence[Verdict], theirs: Sequence[Verdict], version: str) -> Iterator[str]:
    """The lines of the reference page."""
    yield INTRODUCTION.format(version=version)
    yield "## Totals\n"
    yield f"| checks | | Sagewright | SeaweedFS {version} |"
    yield "| --- | --- | --- | --- |"
    for group in GROUPS:
        mine, other = ([v for v in all_ if v.check.group == group] for all_ in (ours, theirs))
        yield f"| [{group}](#{group}) | {len(mine)} | {_passed(mine)} | {_passed(other)} |"
    yield f"| all | {len(ours)} | {_passed(ours)} | {_passed(theirs)} |"
    faults = {verdict.check.name: verdict.fault for verdict in theirs}
    for group in GROUPS:
        yield f"\n## {group}\n"
        yield "| check | source | Sagewright | SeaweedFS |"
        yield "| --- | --- | --- | --- |"
        yield from (_row(v, faults) for v in ours if v.check.group == group)


def _passed(verdicts: Sequence[Verdict]) -> int:
    return sum(not verdict.fault for verdict in verdicts)


def _row(verdict: Verdict, faults: Mapping[str, str]) -> str:
    check = verdict.check
    fault = KNOWN.get(check.name, verdict.fault) if verdict.fault else ""
    return f"| {check.name} | {check.source} | {cell(fault)} | {cell(faults[check.name])} |"


def cell(fault: str) -> str:
    if not fault:
        return "yes"
    return "no: `" + fault.replace("|", "/").replace("`", "'")[:160] + "`"
