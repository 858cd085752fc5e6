"""One request of a page, and the registry of pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from sagewright.studio.operations import Client

Content = TypeVar("Content")
POSITION = ("after", "start")
"""Parameters of a list's position: the token of its page, and the number of the page's first row."""


@dataclass(frozen=True)
class Place:
    """Where the server runs: its URL as the browser knows it, account and region."""

    url: str
    account: str
    region: str


@dataclass
class Visit:
    """A request of a page by a signed-in principal.

    `path`: the parameters in the page's path. `query`: the last value of each parameter; `every` all of them. `chosen`: names of
    the rows that a submitted form has chosen.
    """

    client: Client
    place: Place
    path: Mapping[str, str] = field(default_factory=dict)
    every: tuple[tuple[str, str], ...] = ()
    address: str = "/studio"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    cookies: Mapping[str, str] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str]:
        return dict(self.every)

    def why(self, kind: str, name: str, *, live: bool) -> str:
        """Returns the line under the status of a resource that is not settled (`live`); failures have a separate notice."""
        return self.client.readings.why(kind, name) if live else ""

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.every if key == name]

    def link(self, **changed: str | None) -> str:
        """Returns this page's URL with parameters replaced, or removed where None."""
        kept = [(key, value) for key, value in self.every if key not in changed and key not in POSITION]
        added = [(key, value) for key, value in changed.items() if value is not None]
        text = urlencode([*kept, *added])
        return f"{self.address}?{text}" if text else self.address

    def without(self, name: str, value: str) -> str:
        """Returns this page's URL without one of a parameter's values."""
        kept = [one for one in self.every if one != (name, value) and one[0] not in POSITION]
        return f"{self.address}?{urlencode(kept)}" if kept else self.address


@dataclass(frozen=True)
class Page:
    """A registered page: its path below /studio, its template, and the function that fills it.

    `nav`: the entry of the side bar that is current. `kinds`: kinds of the event log whose changes refresh the page.
    """

    path: str
    template: str
    nav: str
    kinds: tuple[str, ...]
    fill: Callable[[Visit], Any]


PAGES: list[Page] = []


def page(
    path: str, template: str, nav: str, kinds: tuple[str, ...] = ()
) -> Callable[[Callable[[Visit], Content]], Callable[[Visit], Content]]:
    """Registers a page. The function returns a frozen dataclass: the template's `p`, and the page's `.json` twin."""

    def register(fill: Callable[[Visit], Content]) -> Callable[[Visit], Content]:
        PAGES.append(Page(path, template, nav, kinds, fill))
        return fill

    return register


@dataclass(frozen=True)
class Done:
    """A form was carried out: the words of the notice, and the page to open."""

    words: str
    back: str
    cookie: str = ""
    """A Set-Cookie header."""


@dataclass(frozen=True)
class Form:
    """A registered form that needs more than one operation. `fill` returns Done, or the content of `template` to show."""

    path: str
    template: str
    nav: str
    fill: Callable[[Visit, dict[str, str]], Any]


FORMS: list[Form] = []


def form(
    path: str, template: str = "", nav: str = ""
) -> Callable[[Callable[[Visit, dict[str, str]], Content]], Callable[[Visit, dict[str, str]], Content]]:
    """Registers a form's function. It gets the form's fields."""

    def register(fill: Callable[[Visit, dict[str, str]], Content]) -> Callable[[Visit, dict[str, str]], Content]:
        FORMS.append(Form(path, template, nav, fill))
        return fill

    return register
