"""Pages that need no build: the site has not been built, or has no such page."""

from __future__ import annotations

import base64
import hashlib

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.6 system-ui,sans-serif;max-width:38rem;margin:15vh auto;padding:0 1.25rem}"
    "a{color:light-dark(#0a6553,#62cdb2)}"
    "pre{overflow-x:auto;padding:.75rem 1rem;background:light-dark(#f6f8f7,#191f1d)}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>{title} · Sagewright docs</title><style>{style}</style></head><body><h1>{title}</h1>{body}</body></html>\n"
)


def unbuilt_page() -> str:
    """Returns the page of a checkout without the built site."""
    body = (
        "<p>This server runs from a checkout whose docs have not been built. Build them, and reload this page:</p>"
        "<pre>make docs</pre>"
        "<p>The pages are also readable as Markdown, in the folder <code>docs</code>: begin with <code>docs/index.md</code>. "
        'Go back to <a href="/">the first page</a>.</p>'
    )
    return _PAGE.format(title="The docs are not built", style=_STYLE, body=body)


def missing_page() -> str:
    """Returns the page for an address that the site does not have."""
    return _PAGE.format(title="No such page", style=_STYLE, body='<p>Go to <a href="/docs/">the docs</a>.</p>')
