"""Cross-origin rules of a bucket. Source: the S3 user guide, "CORS configuration" and "How S3 evaluates it"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagewright.objects import errors

METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "DELETE"})
MOST_RULES = 100
Rule = Mapping[str, Any]


@dataclass(frozen=True)
class Crossing:
    """A browser's cross-origin request. `headers`: those that a preflight asks for."""

    origin: str
    method: str
    headers: tuple[str, ...] = ()

    def allowed_by(self, rule: Rule) -> bool:
        return (
            self.method in (rule.get("AllowedMethods") or [])
            and any(_fits(pattern, self.origin) for pattern in rule.get("AllowedOrigins") or [])
            and all(_any_fits(rule.get("AllowedHeaders") or [], header) for header in self.headers)
        )

    def answer(self, rules: Iterable[Rule]) -> list[tuple[str, str]] | None:
        """Returns the response headers of the first rule that allows the request, or None."""
        rule = next((rule for rule in rules if self.allowed_by(rule)), None)
        if rule is None:
            return None
        anybody = "*" in rule["AllowedOrigins"]
        listed = [
            ("Access-Control-Allow-Origin", "*" if anybody else self.origin),
            ("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])),
            ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        ]
        if not anybody:
            listed.append(("Access-Control-Allow-Credentials", "true"))
        if self.headers:
            listed.append(("Access-Control-Allow-Headers", ", ".join(self.headers)))
        if rule.get("ExposeHeaders"):
            listed.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
        if rule.get("MaxAgeSeconds") is not None:
            listed.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
        return listed


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration in its stored form. Raises MalformedXML, InvalidRequest."""
    rules = document.get("CORSRules") or []
    if not 1 <= len(rules) <= MOST_RULES:
        raise errors.malformed_xml()
    for rule in rules:
        methods, origins = rule.get("AllowedMethods") or [], rule.get("AllowedOrigins") or []
        if not methods or not origins:
            raise errors.malformed_xml()
        for method in methods:
            if method not in METHODS:
                message = f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                raise errors.invalid_request(message)
        _check_stars("AllowedOrigin", origins)
        _check_stars("AllowedHeader", rule.get("AllowedHeaders") or [])
    return document


def _check_stars(name: str, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if pattern.count("*") > 1:
            raise errors.invalid_request(f'{name} "{pattern}" can not have more than one wildcard.')


def _any_fits(patterns: Iterable[str], header: str) -> bool:
    return any(_fits(pattern.lower(), header.lower()) for pattern in patterns)


def _fits(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
