"""The service models' string patterns, matched in bounded time.

The models' patterns are Java's. RE2 matches in linear time and takes most; those with look-around or long
repetitions go to `regex`, under a deadline. A value that runs into it counts as not matching.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

import re2
import regex

DEADLINE_S = 0.05
REMEMBERED, SHORT = 256, 512  # names, ARNs and images come again and again
REWRITES = (
    # A stray `$` before a repetition: Java takes it as an empty match, no other engine compiles it.
    (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,", r"[\p{L}\p{Z}\p{N}_.:\/=+\-@]{1,"),
    # Surrogate pairs of UTF-16, which Python strings do not have.
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),
    # `\u10000` is U+1000 and a `0` to every engine; U+10000 is meant.
    (r"\u10000-\u10FFFF", r"\U00010000-\U0010FFFF"),
)
"""What the models write, and what is meant."""

Matcher = Callable[[str], bool]

_options = re2.Options()
_options.log_errors = False


@cache
def matcher(pattern: str) -> Matcher:
    """A function that says whether a whole string matches `pattern`."""
    rewritten = pattern
    for written, meant in REWRITES:
        rewritten = rewritten.replace(written, meant)
    try:
        linear = re2.compile(rewritten, _options)
    except re2.error:
        return _bounded(regex.compile(rewritten))

    @lru_cache(maxsize=REMEMBERED)
    def matches(value: str) -> bool:
        return _encodable(value) and linear.fullmatch(value) is not None

    return lambda value: matches(value) if len(value) <= SHORT else matches.__wrapped__(value)


def _encodable(value: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in value) if not value.isascii() else True


def _bounded(compiled: regex.Pattern[str]) -> Matcher:
    def matches(value: str) -> bool:
        try:
            return compiled.fullmatch(value, timeout=DEADLINE_S, concurrent=True) is not None
        except TimeoutError:
            return False

    return matches
