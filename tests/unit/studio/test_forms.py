"""No form whose fields go into an address holds the token that submits forms."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import sagewright.studio

TEMPLATES = sorted((Path(sagewright.studio.__file__).parent / "templates").glob("*.html"))
_CODE = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_MACRO = re.compile(r"\{%-?\s*macro (\w+)\(.*?%\}(.*?)\{%-?\s*endmacro", re.DOTALL)
_CALL = re.compile(r"\{\{\s*(?:\w+\.)?(\w+)\([^{}]*\)\s*\}\}")


class _Forms(HTMLParser):
    """`reading`: names of hidden fields in forms that read, and in forms with a button that reads."""

    def __init__(self) -> None:
        super().__init__()
        self.reading: list[str] = []
        self._forms: list[tuple[str, bool]] = []
        self._fields: dict[str, list[str]] = {}
        self._readers: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            reads = given.get("method", "get").lower() == "get"
            self._forms.append((given.get("id") or f"form {self.getpos()}", reads))
        own, reads = self._forms[-1] if self._forms else ("", False)
        if tag == "button" and given.get("formmethod", "").lower() == "get":
            self._readers.add(given.get("form") or own)
        if tag == "input" and given.get("type") == "hidden":
            self._fields.setdefault(given.get("form") or own, []).append(given.get("name", ""))
            if reads:
                self.reading.append(given.get("name", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._forms:
            self._forms.pop()

    def close(self) -> None:
        super().close()
        self.reading += [name for form in self._readers for name in self._fields.get(form, ())]


def _fields_of_addresses(text: str, macros: dict[str, str]) -> list[str]:
    """Returns the hidden fields of a template's forms that read, with those of the macros that they call."""
    for _ in range(3):
        text = _CALL.sub(lambda found: macros.get(found[1], ""), text)
    forms = _Forms()
    forms.feed(_CODE.sub("", text))
    forms.close()
    return forms.reading


def _macros() -> dict[str, str]:
    return {name: body for one in TEMPLATES for name, body in _MACRO.findall(one.read_text())}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_no_form_that_reads_has_the_token(template: Path) -> None:
    own = dict(_MACRO.findall(template.read_text()))
    assert "token" not in _fields_of_addresses(template.read_text(), _macros() | own)


@pytest.mark.parametrize(
    "text",
    [
        '<form method="get">{{ hidden() }}</form>',
        '<form><input type="hidden" name="token" value="{{ token }}"></form>',
        '<form id="a" method="post"><input type="hidden" name="token"></form><button form="a" formmethod="get">x</button>',
        '<form method="post">{% if x %}<input type="hidden" name="token">{% endif %}<button formmethod="get">x</button></form>',
    ],
)
def test_each_way_into_an_address_is_noticed(text: str) -> None:
    macros = {"hidden": '<input type="hidden" name="token" value="{{ token }}">'}
    assert "token" in _fields_of_addresses(text, macros)
