"""The service models' string patterns, matched in bounded time.

The models' patterns are Java's. Those that RE2 doesn't accept have a deadline (model.regexes); a value that exceeds it counts as
not matching.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from sagewright.model.regexes import Guarded, compile_linear

REMEMBERED, SHORT = 256, 512  # names, ARNs and images recur
REWRITES = (
    # A stray `$` before a repetition: Java treats it as an empty match, other engines don't compile it.
    (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,", r"[\p{L}\p{Z}\p{N}_.:\/=+\-@]{1,"),
    # Surrogate pairs of UTF-16, which Python strings do not have.
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),
    # `\u10000` is U+1000 followed by `0` in every engine; U+10000 is meant.
    (r"\u10000-\u10FFFF", r"\U00010000-\U0010FFFF"),
    # Names and namespaces of Logs' metrics: AWS accepts colons (localstack test_put_metric_filter_with_special_namespace).
    (r"[^:*$]*", r"[^*$]*"),
    # Versions of hub contents: the dots are meant as such.
    (r"\d{1,4}.\d{1,4}.\d{1,4}", r"\d{1,4}\.\d{1,4}\.\d{1,4}"),
)
"""Corrections: parts of the models' patterns, and their intended form."""

Matcher = Callable[[str], bool]


@cache
def matcher(pattern: str) -> Matcher:
    """Returns a function that returns True if a whole string matches `pattern`."""
    rewritten = pattern
    for written, meant in REWRITES:
        rewritten = rewritten.replace(written, meant)
    linear = compile_linear(rewritten)
    if linear is None:
        return _bounded(Guarded(rewritten))

    @lru_cache(maxsize=REMEMBERED)
    def matches(value: str) -> bool:
        return _encodable(value) and linear.fullmatch(value) is not None

    return lambda value: matches(value) if len(value) <= SHORT else matches.__wrapped__(value)


def _encodable(value: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in value) if not value.isascii() else True


def _bounded(guarded: Guarded) -> Matcher:
    def matches(value: str) -> bool:
        try:
            return guarded.fullmatch(value) is not None
        except TimeoutError:
            return False

    return matches
