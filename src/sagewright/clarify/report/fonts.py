"""Fonts for PDF: one of the machine's, embedded, else Helvetica, which has only Western European letters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_FACES = (
    ("liberation", "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("noto", "NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("dejavu", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
)
_SYMBOLS = ("DejaVuSans.ttf",)
_SCRIPTS = (
    "NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "DroidSansFallbackFull.ttf", "NotoSansThai-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf", "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "unifont.ttf",
)  # fmt: skip
"""Fonts for letters that the main one lacks, by file names of Debian's and Fedora's packages."""
_PLAIN = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "…": "...", "’": "'", "“": '"', "”": '"', "√": "sqrt ", "≤": "<=", "∞": "inf", "Σ": "sum ",
        "‖": "||", "₂": "2", "₁": "1", "\u0302": "^", "\u0304": "-", "⁺": "+", "⁻": "-", "←": "<-", "→": "->",
    }
)  # fmt: skip
"""Signs of the report that Helvetica lacks."""
MISSING = "?"


class Fonts(NamedTuple):
    """`family`: for set_font; `letters`: code points that some font has, None for Helvetica's 256."""

    family: str
    letters: frozenset[int] | None


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        for path in Path(folder).rglob("*.tt[fc]"):
            found.setdefault(path.name, path)
    return found


def choose(pdf: Any, texts: Iterable[str]) -> Fonts:
    """Adds the fonts that the texts need to an fpdf2 document."""
    files, needed = _files(), {ord(character) for text in texts for character in text}
    face = next((one for one in _FACES if one[1] in files and one[2] in files), None)
    if face is None:
        return Fonts("helvetica", None)
    family, regular, bold = face
    pdf.add_font(family, "", files[regular])
    pdf.add_font(family, "B", files[bold])
    letters = set(pdf.fonts[family].cmap)
    fallbacks = []
    for name in (*_SYMBOLS, *_SCRIPTS):
        if name in files and name != regular and needed - letters:
            pdf.add_font(name, "", files[name])
            gained = set(pdf.fonts[name.lower()].cmap) & needed - letters
            if gained:
                letters |= gained
                fallbacks.append(name)
    if fallbacks:
        pdf.set_fallback_fonts(fallbacks, exact_match=False)
    return Fonts(family, frozenset(letters))


def showable(text: str, fonts: Fonts) -> str:
    """The text with MISSING for letters that no font has."""
    if fonts.letters is None:
        return text.translate(_PLAIN).encode("latin-1", "replace").decode("latin-1")
    return "".join(character if ord(character) in fonts.letters or character == "\n" else MISSING for character in text)
