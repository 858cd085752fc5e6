"""Hooks of the site's build: what its Markdown has for GitHub alone."""

from __future__ import annotations

import re
from typing import Any

OUTSIDE = {
    "../../DESIGN.md": "../explanation/design.md",
    "../../README.md#status": "../index.md#reference",
}
"""Links out of `docs`, and the pages of the site that they lead to."""
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_EXAMPLE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+examples/[^)\s]+\)")
_COMMENT = re.compile(r"^<!--.*?-->\n+", re.DOTALL | re.MULTILINE)
_CANONICAL = re.compile(r"<link rel=\"canonical\"[^>]*>")
_OF_THE_REPOSITORY = re.compile(r"\]\(docs/")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leads links out of `docs` to pages of the site; examples, which are programs, keep their names alone. Comments are left
    out: MkDocs takes a heading after one for no title."""
    if page.file.src_uri in ("index.md", "tutorial.md"):
        page.meta["hide"] = ["navigation"]
    if page.file.src_uri == "explanation/design.md":
        return _OF_THE_REPOSITORY.sub("](../", markdown)
    markdown = _COMMENT.sub("", markdown)
    markdown = _EXAMPLE.sub(r"\1", markdown)
    return _LINK.sub(lambda found: f"]({OUTSIDE.get(found[1], found[1])})", markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Leaves out the canonical address: each server shows the site at its own."""
    return _CANONICAL.sub("", output)
