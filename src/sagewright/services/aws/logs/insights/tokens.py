"""The tokens of a query.

Source: "CloudWatch Logs Insights language query syntax" (CloudWatch Logs user guide).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sagewright.model.errors import AwsError

_TOKEN = re.compile(
    r"""(?P<skipped>\s+|\#[^\n]*)
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<quoted>`[^`]+`)
  | (?P<duration>\d+(?:ms|mo|[smhdwqy])\b)
  | (?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)
  | (?P<word>[@A-Za-z_][\w.@]*)
  | (?P<sign><=|>=|!=|=~|[-=<>+*/^%(),|\[\]])
    """,
    re.VERBOSE,
)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")


@dataclass(frozen=True)
class Token:
    """`at`, `end`: its position in the query."""

    kind: str
    text: str
    at: int
    end: int

    def says(self, *words: str) -> bool:
        """Returns True if it is one of these keywords or signs."""
        return self.kind in {"word", "sign"} and self.text.lower() in words


def malformed(reason: str) -> AwsError:
    return AwsError("MalformedQueryException", f"The query cannot be used: {reason}")


class Tokens:
    """A cursor over the tokens of a query."""

    def __init__(self, query: str) -> None:
        self.query = query
        self._found = _read(query)
        self._at = 0

    def peek(self, ahead: int = 0) -> Token:
        return self._found[min(self._at + ahead, len(self._found) - 1)]

    def take(self) -> Token:
        token = self.peek()
        self._at += 1
        return token

    def taken(self, *words: str) -> bool:
        """Consumes the next token if it is one of these words."""
        if not self.peek().says(*words):
            return False
        self._at += 1
        return True

    def expect(self, word: str) -> Token:
        token = self.take()
        if not token.says(word):
            raise malformed(f"'{word}' is expected, not '{token.text or 'the end'}'")
        return token

    def since(self, start: Token) -> str:
        """Returns the text from `start` to the last consumed token."""
        return self.query[start.at : self._found[self._at - 1].end]


def unquoted(token: Token) -> str:
    """Returns the content of a string, a quoted name or a word."""
    if token.kind == "string":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1])
    return token.text[1:-1] if token.kind in {"quoted", "regex"} else token.text


def _read(query: str) -> list[Token]:
    """Splits a query into tokens. A slash begins a regex only where one is allowed: after `like` and `=~`, and anywhere in
    `parse`."""
    found: list[Token] = []
    at, parsing = 0, False
    while at < len(query):
        regex = _REGEX.match(query, at) if parsing or (found and found[-1].says("like", "=~")) else None
        token = regex or _TOKEN.match(query, at)
        if token is None:
            raise malformed(f"it cannot be read at '{query[at : at + 20]}'")
        kind = "regex" if regex else str(token.lastgroup)
        if kind != "skipped":
            read = Token(kind, token[0], at, token.end())
            begins = not found or found[-1].says("|")
            parsing = read.says("parse") if begins else parsing
            found.append(read)
        at = token.end()
    return [*found, Token("end", "", len(query), len(query))]
