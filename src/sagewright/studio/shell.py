"""The frame of every page: side bar with counts, title, code, and the page's own template within."""

from __future__ import annotations

import functools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.model.studio_sessions import Session, sign
from sagewright.studio import assets, code, rendering
from sagewright.studio.buttons import Button
from sagewright.studio.operations import Client
from sagewright.studio.tables import EmptyState
from sagewright.studio.visit import Page, Visit

START = EmptyState(
    "Nothing has run here yet",
    "pip install sagemaker\nsagewright exec -- python your_script.py   # any script that uses boto3 or the SageMaker SDK",
)
COUNTS_S = 2.0
"""Time for which the side bar's counts are cached."""
MOST = 100


@dataclass(frozen=True)
class NavCount:
    """`look`: run, fail or attn."""

    count: str
    look: str


@dataclass
class Shell:
    account: str
    region: str
    _secret: str = field(default_factory=secrets.token_hex)
    _counts: dict[str, tuple[float, dict[str, NavCount]]] = field(default_factory=dict)

    def page(self, page: Page, visit: Visit, content: Any, session: Session | None, done: str, theme: str) -> bytes:
        """Renders a page."""
        calls = list(visit.client.calls)
        own = getattr(content, "sdk_code", None)
        snippets = [*(own or ()), ("boto3", code.boto3_code(calls)), ("CLI", code.cli_code(calls))]
        values = {**self._frame(page, visit, session, theme), "p": content, "done": done, "snippets": snippets}
        return rendering.render(page.template, **values).encode()

    def error(self, page: Page, visit: Visit, error: AwsError, session: Session | None, theme: str) -> bytes:
        """Renders the page that explains an operation's refusal."""
        values = {**self._frame(page, visit, session, theme), "error": error, "done": "", "snippets": []}
        return rendering.render("error.html", **values).encode()

    def open_token(self, principal: str) -> str:
        """The token of forms on a server without sign-in."""
        return sign(self._secret, principal)

    def _frame(self, page: Page, visit: Visit, session: Session | None, theme: str) -> dict[str, Any]:
        principal = visit.client.principal
        return {
            "shell": self, "here": page.nav, "kinds": " ".join(page.kinds), "visit": visit, "now": visit.now, "theme": theme,
            "asset": assets.address, "token": session.form_token if session else self.open_token(principal),
            "role": principal.rpartition("/")[0].rpartition("/")[2] or principal, "signed_in": session is not None,
            "counts": self._counted(visit.client), "start": START, "refusal": functools.partial(refusal, visit.client),
        }  # fmt: skip

    def _counted(self, client: Client) -> dict[str, NavCount]:
        kept = self._counts.get(client.principal)
        if kept is None or time.monotonic() - kept[0] > COUNTS_S:
            kept = time.monotonic(), counts(client)
            self._counts = {
                **{who: one for who, one in self._counts.items() if time.monotonic() - one[0] < 60},
                client.principal: kept,
            }
        return kept[1]


def refusal(client: Client, button: Button) -> str:
    """Returns why a button would be refused, "" if nothing is known to: its fields and the chosen rows may decide."""
    return "" if button.each else client.refusal(button.call)


COUNTED = {
    "jobs": ("ListTrainingJobs", "TrainingJobSummaries", {"StatusEquals": "InProgress"}, "run"),
    "processing": ("ListProcessingJobs", "ProcessingJobSummaries", {"StatusEquals": "InProgress"}, "run"),
    "transform": ("ListTransformJobs", "TransformJobSummaries", {"StatusEquals": "InProgress"}, "run"),
    "tuning": ("ListHyperParameterTuningJobs", "HyperParameterTuningJobSummaries", {"StatusEquals": "InProgress"}, "run"),
    "models": (
        "ListModelPackages", "ModelPackageSummaryList",
        {"ModelApprovalStatus": "PendingManualApproval", "ModelPackageType": "Versioned"}, "attn",
    ),
    "endpoints": ("ListEndpoints", "Endpoints", {"StatusEquals": "Failed"}, "fail"),
}  # fmt: skip


def counts(client: Client) -> dict[str, NavCount]:
    """Counts running, failed and waiting work for the side bar. An operation that is refused counts nothing."""
    found = {}
    for nav, (operation, member, request, look) in COUNTED.items():
        try:
            number = len(client.aside("sagemaker", operation, MaxResults=MOST, **request).get(member, []))
        except AwsError:
            continue
        if number:
            found[nav] = NavCount(f"{number}+" if number == MOST else str(number), look)
    try:
        alarms = client.aside("cloudwatch", "DescribeAlarms", StateValue="ALARM", MaxRecords=MOST).get(
            "MetricAlarms", []
        )
    except AwsError:
        alarms = []
    if alarms:
        found["alarms"] = NavCount(str(len(alarms)), "fail")
    return found
