"""Texts divided into tokens, sentences or paragraphs, by rules of our own.

A unit is a span of characters without the white space around it. Every character but white space belongs to one unit. The patterns
take linear time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import regex

from sagewright.clarify.errors import CustomerError

_CODES = {
    "chinese": "zh", "japanese": "ja", "french": "fr", "italian": "it", "catalan": "ca", "german": "de", "english": "en",
    "greek": "el", "thai": "th", "spanish": "es", "portuguese": "pt", "dutch": "nl", "polish": "pl", "russian": "ru",
    "swedish": "sv", "danish": "da",
}  # fmt: skip
"""Languages with special rules. All others use Unicode's rules."""
_ELISION = {"fr", "it", "ca"}
_NUMBER = r"[\p{Sc}]?\p{N}++(?:[.,:/\u066b\u066c]\p{N}++)*+[%‰°]?+"
_IDEOGRAPH = r"\p{Han}\p{M}*"
_CLUSTER = r"[\u0e40-\u0e44\u0ec0-\u0ec4]?[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*[\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3]?"
_JAPANESE = r"\p{Katakana}[\p{Katakana}ー]*|\p{Hiragana}+"
_REST = r"(?:\p{Emoji_Presentation}|\p{So})[\p{M}\u200d\ufe0f\p{So}\p{Sk}]*|([^\s\p{L}\p{N}])\1*|\S"
_SPACELESS = r"\p{Han}\p{Katakana}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_ABBREVIATIONS = {
    "": "mr mrs ms dr prof st no vs etc e.g i.e inc ltd co jr sr fig cf al approx dept est u.s u.k a.m p.m jan feb mar apr jun jul "
    "aug sep sept oct nov dec vol pp ed",
    "de": "z.b d.h u.a bzw usw ca nr abs bspw evtl ggf inkl str vgl s.o s.u o.ä u.u dr prof hr fr",
    "fr": "m mme mlle etc p.ex c.-à-d av env no st ste",
    "es": "sr sra srta dr dra ud uds etc p.ej núm pág",
    "it": "sig sig.ra dott prof ecc es pag n",
    "pt": "sr sra dr dra etc p.ex núm pág",
    "nl": "dhr mevr bijv enz d.w.z o.a nr",
    "pl": "np itd itp tzn m.in ul prof dr nr",
    "ru": "г ул т.е т.к т.д т.п и.о др им",
}
_CLOSING = r"[\"'”’»)\]」』）】]*+"
_PARAGRAPH = regex.compile(r"\n[^\S\n]*+\n\s*+")


@dataclass(frozen=True)
class Unit:
    """`start`, `end`: positions of characters in the text."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def divide(text: str, granularity: str, language: str) -> list[Unit]:
    """Units of the text in order; [] for only white space. Raises CustomerError for an unknown granularity."""
    rules: dict[str, Callable[[str, str], Iterator[tuple[int, int]]]] = {
        "token": _tokens,
        "sentence": _sentences,
        "paragraph": _paragraphs,
    }
    if granularity not in rules:
        raise CustomerError(f"text_config.granularity must be token, sentence or paragraph, not {granularity[:100]!r}")
    code = _CODES.get(language.lower(), language.lower())
    return [unit for start, end in rules[granularity](text, code) if (unit := _trimmed(text, start, end)) is not None]


def _trimmed(text: str, start: int, end: int) -> Unit | None:
    piece = text[start:end]
    shown = piece.strip()
    return Unit(shown, start + len(piece) - len(piece.lstrip())) if shown else None


def _token_pattern(language: str) -> regex.Pattern[str]:
    han = r"\p{Han}++" if language == "ja" else _IDEOGRAPH
    word = rf"(?:(?![{_SPACELESS}])[\p{{L}}\p{{M}}\p{{N}}_])++"
    joint = r"[-·.,:@/&]" if language in _ELISION else r"[-'’·.,:@/&]"
    elided = rf"{word}['’]|" if language in _ELISION else ""
    return regex.compile(
        rf"{_NUMBER}(?![\p{{L}}\p{{M}}])|{han}|{_JAPANESE}|{_CLUSTER}|{elided}{word}(?:{joint}{word})*+|{_REST}"
    )


_PATTERNS: dict[str, regex.Pattern[str]] = {}


def _tokens(text: str, language: str) -> Iterator[tuple[int, int]]:
    key = language if language == "ja" or language in _ELISION else ""
    if key not in _PATTERNS:
        _PATTERNS[key] = _token_pattern(key)
    for match in _PATTERNS[key].finditer(text):
        yield match.span()


def _sentences(text: str, language: str) -> Iterator[tuple[int, int]]:
    known = set(_ABBREVIATIONS[""].split()) | set(_ABBREVIATIONS.get(language, "").split())
    key = f"sentence {language}"
    if key not in _PATTERNS:
        stops = ".!?…؟۔।॥։።" + (";\u037e" if language == "el" else "")
        spaces = "|[^\\S\\n]+" if language in ("th", "lo", "km") else ""
        _PATTERNS[key] = regex.compile(
            rf"(?P<wide>[。！？｡]+{_CLOSING})|(?P<stop>(?<![{stops}])[{stops}]++{_CLOSING})(?=\s|$)|(?P<break>\n[^\S\n]*+\n\s*+{spaces})"
        )
    start = 0
    for match in _PATTERNS[key].finditer(text):
        if match.lastgroup != "stop" or _ends_sentence(text, match, start, known):
            yield start, match.end()
            start = match.end()
    yield start, len(text)


def _ends_sentence(text: str, match: regex.Match[str], start: int, abbreviations: set[str]) -> bool:
    """A full stop after an abbreviation or an initial, or before a small letter, ends no sentence."""
    if not match["stop"].startswith("."):
        return True
    following = text[match.end() : match.end() + 50].lstrip()
    if following[:1].islower():
        return False
    words = text[max(start, match.start() - 30) : match.start()].split()
    word = words[-1].lstrip("([{\"'“‘«").lower() if words else ""
    return word not in abbreviations and not (len(word) == 1 and word.isalpha() and words[-1].isupper())


def _paragraphs(text: str, _language: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _PARAGRAPH.finditer(text):
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def merged(text: str, units: list[Unit], most: int) -> list[Unit]:
    """At most `most` units: neighbours are put together where there are more."""
    if len(units) <= most:
        return units
    step = -(-len(units) // most)
    groups = [units[place : place + step] for place in range(0, len(units), step)]
    return [Unit(text[group[0].start : group[-1].end], group[0].start) for group in groups]
