"""Rooms that are laid out and not built yet: each says what will stand there, and what does the work today."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.studio.visit import Visit, page


@dataclass(frozen=True)
class Later:
    title: str
    sentence: str
    today: tuple[tuple[str, str], ...]


def _room(path: str, nav: str, content: Later) -> None:
    def show(_visit: Visit) -> Later:
        return content

    page(path, "later.html", nav)(show)


_room(
    "/wrangler",
    "wrangler",
    Later(
        "Data Wrangler",
        "Sagewright does not run Data Wrangler's flows yet.",
        (("A processing job that prepares data", "/studio/processing"), ("Preview of objects", "/studio/buckets")),
    ),
)
