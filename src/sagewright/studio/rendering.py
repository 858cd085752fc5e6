"""Templates: one Jinja environment with autoescape, and the words and parts that every page writes by."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zlib import crc32

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sagewright.studio import charts, wording
from sagewright.studio.buttons import Button
from sagewright.studio.navigation import NAVIGATION
from sagewright.studio.pages import savedviews
from sagewright.studio.tablerows import table_rows


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("sagewright.studio"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    made.filters |= {
        "number": wording.number,
        "brief": wording.brief,
        "dur": wording.duration,
        "size": wording.size,
        "word": wording.status_word,
        "look": wording.look,
        "delta": wording.delta,
        "percent": wording.percent,
        "name_of": wording.name_of,
        "json": _json,
        "shortened": _shortened,
        "iso": _iso,
    }
    made.globals |= {
        "charts": charts,
        "nav": NAVIGATION,
        "ago": wording.ago,
        "clock": wording.clock,
        "status_icon": wording.icon,
        "between": wording.seconds_between,
        "when_of": when,
        "loop_id": _form_id,
        "twin_rows": _twin_rows,
        "table_rows": table_rows,
        "saved_views": savedviews.of_list,
    }
    return made


def render(template: str, /, **values: Any) -> str:
    return environment().get_template(template).render(**values)


def twin(content: Any) -> bytes:
    """Returns a page's content as JSON, without its charts."""
    return orjson.dumps(_plain(content), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


def table(head: list[str], rows: list[list[Any]]) -> bytes:
    """Returns CSV. A cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(value):
        return "'" + value
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr}
    if isinstance(value, Markup):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shortened(text: str) -> str:
    """Writes a hyperparameter: a number where it reads as one."""
    try:
        return wording.number(float(text))
    except ValueError:
        return text


def _twin_rows(points: Sequence[tuple[datetime, float]]) -> list[tuple[str, str]]:
    return [(_iso(at), wording.number(value)) for at, value in points]


def _form_id(act: Button) -> str:
    return f"{crc32(act.sealed.encode()):08x}"


def _json(value: Any) -> str:
    return orjson.dumps(_plain(value), option=orjson.OPT_INDENT_2).decode()


def when(at: datetime | int | float | str | None) -> datetime | None:
    """Reads a time of a response: a datetime, seconds or milliseconds, or ISO text."""
    if at is None or at == "":
        return None
    if isinstance(at, datetime):
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    if isinstance(at, int | float):
        return datetime.fromtimestamp(at / 1000 if at > 1e11 else at, UTC)
    try:
        return when(datetime.fromisoformat(at.replace("Z", "+00:00")))
    except ValueError:
        return None
