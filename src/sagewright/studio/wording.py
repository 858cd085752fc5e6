"""Statuses, times, durations, numbers, sizes and names as pages write them; the rules are in docs/explanation/studio.md."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

STATUSES = {
    "ok": (
        "Completed", "Succeeded", "InService", "Approved", "Cached", "OK", "Active", "ACTIVE", "ENABLED", "Enabled", "Created",
        "Ready", "CREATE_COMPLETE", "Available", "Scheduled", "Here", "CREATED",
    ),
    "run": (
        "InProgress", "Executing", "Updating", "Creating", "Starting", "Stopping", "Downloading", "Training", "Uploading",
        "RollingBack", "SystemUpdating", "Deleting", "Launching", "Pending…", "CREATING", "UPDATING", "DELETING",
    ),
    "fail": (
        "Failed", "ALARM", "UpdateRollbackFailed", "CreateFailed", "CREATE_FAILED", "OutOfService", "UPDATE_FAILED",
        "DELETE_FAILED",
    ),
    "attn": ("PendingManualApproval", "Interrupted", "CompletedWithViolations"),
    "idle": (
        "Stopped", "Rejected", "Skipped", "EarlyStopped", "Archived", "DISABLED", "Disabled", "Inactive", "Deleted", "Cancelled",
        "Not here",
    ),
    "wait": ("Pending", "Waiting", "INSUFFICIENT_DATA", "Draft", "Queued", "NotStarted"),
}  # fmt: skip
LOOKS = {status: look for look, statuses in STATUSES.items() for status in statuses}
ICONS = {"ok": "s-ok", "run": "s-run", "fail": "s-fail", "attn": "s-attn", "idle": "s-stop", "wait": "s-wait"}
WORDS = {
    "InProgress": "In progress", "PendingManualApproval": "Waiting for approval", "InService": "In service",
    "EarlyStopped": "Stopped early", "OK": "Quiet", "ALARM": "In alarm", "INSUFFICIENT_DATA": "No data yet",
    "RollingBack": "Rolling back", "OutOfService": "Out of service", "SystemUpdating": "Updating",
    "UpdateRollbackFailed": "Rollback failed", "ENABLED": "Enabled", "DISABLED": "Disabled", "ACTIVE": "Active",
    "NotStarted": "Not started", "CompletedWithViolations": "With violations", "CREATED": "Created", "CREATING": "Creating",
    "UPDATING": "Updating", "DELETING": "Deleting", "CREATE_FAILED": "Not created", "UPDATE_FAILED": "Not updated",
    "DELETE_FAILED": "Not deleted",
}  # fmt: skip
NONE = "–"
_MOST_DIGITS = 9


FALLING = ("loss", "error", "rmse", "mae", "mse", "perplexity", "ratio")
"""Words in the names of metrics whose lower values are better."""
BARS = {"ok": "b-ok", "run": "b-run", "fail": "b-fail"}


def falls(metric: str) -> bool:
    """Returns True if a metric's name suggests that lower values are better."""
    lower = metric.lower()
    return any(word in lower for word in FALLING)


def metric_rank(name: str) -> tuple[bool, bool, str]:
    """Returns the key that orders metrics by their weight for a decision: those of validation first, baselines last."""
    return not name.startswith(("validation", "val", "test")), "baseline" in name, name


def bar(look: str) -> str:
    """Returns the class of the bar of a look or status."""
    return BARS.get(LOOKS.get(look, look), "b-idle")


def look(status: str) -> str:
    return LOOKS.get(status, "wait")


def icon(status: str) -> str:
    return ICONS[look(status)]


def status_word(status: str) -> str:
    return WORDS.get(status, status)


def duration(seconds: float | None) -> str:
    """0.8 s · 13 s · 7 min 47 s · 1 h 20 min · 3 d 4 h."""
    if seconds is None:
        return NONE
    if seconds < 0.95:
        return f"{max(seconds, 0):.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def ago(seconds: float) -> str:
    """Only the largest unit: 8 s, 8 min, 3 h, 5 d."""
    whole = max(int(seconds), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def clock(at: datetime, now: datetime) -> str:
    """Today 23:52:06, this year Nov 21 23:11, otherwise 2025-11-21."""
    at = at.astimezone(UTC)
    if at.date() == now.date():
        return f"{at:%H:%M:%S}"
    return f"{at:%b %d %H:%M}" if at.year == now.year else f"{at:%Y-%m-%d}"


def brief(value: object) -> str:
    """Returns the text of a hyperparameter, of which a number with many digits keeps six that count."""
    text = str(value)
    if len(text) <= _MOST_DIGITS or "." not in text:
        return text
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text


def number(value: float | int | None) -> str:
    """Thousands with a comma; 4 significant decimals below 1,000; minus is −."""
    if value is None:
        return NONE
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        text = f"{int(value):,}"
    elif not math.isfinite(value):
        text = {"nan": "NaN", "inf": "∞", "-inf": "−∞"}[str(float(value))]
    elif abs(value) >= 1000:
        text = f"{value:,.1f}"
    elif abs(value) >= 0.001:
        text = f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")


def delta(value: float) -> str:
    text = number(abs(value))
    return f"+{text}" if value > 0 else f"−{text}" if value < 0 else "±0"


def size(count: float | None) -> str:
    """KB, MB, GB by powers of 1000, 3 figures."""
    if count is None:
        return NONE
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= power * 0.9995:
            value = count / power
            return f"{value:,.0f} {unit}" if value >= 99.95 else f"{value:.3g} {unit}"
    return f"{count:.0f} B"


def percent(share: float) -> str:
    return f"{share * 100:.0f}\u2009%"


def seconds_between(begin: datetime | None, end: datetime | None) -> float | None:
    if begin is None or end is None:
        return None
    return max((end - begin) / timedelta(seconds=1), 0.0)


def name_of(arn: str) -> str:
    """Returns the name in an ARN: the part after its first slash, or its last colon."""
    return arn.partition("/")[2] or arn.rpartition(":")[2]
