"""XML documents as small trees. Document types and entities are refused, so that none are expanded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from sagewright.model.errors import AwsError

MAX_DEPTH = 64


@dataclass
class Element:
    """An element. Names lack their namespace prefix; attribute names keep it."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> Element | None:
        return next(self.all(name), None)


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        element = Element(name.rpartition(":")[2], attributes)
        if len(self._open) >= MAX_DEPTH:
            raise malformed()
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def text(self, data: str) -> None:
        self._texts[-1].append(data)

    def end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())


def malformed() -> AwsError:
    return AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def parse(data: bytes) -> Element:
    """Returns the root of a document. Raises MalformedXML, also for any document type declaration."""
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError):
        raise malformed() from None
    if builder.root is None:
        raise malformed()
    return builder.root


def _refuse(*_declaration: Any) -> int:
    raise malformed()


_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}
_ESCAPES |= {code: f"&#x{code:X};" for code in (*range(1, 9), *range(11, 32), 0x7F)} | {0: ""}


_PLAIN = re.compile(r"[A-Za-z0-9 /._:=-]*")


def escape(text: str) -> str:
    """Escapes text for element content and attributes; control characters become references, which preserves carriage returns."""
    if _PLAIN.fullmatch(text):
        return text
    if text.isascii() and text.isprintable():  # the common case, several times as fast
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text.translate(_ESCAPES)
