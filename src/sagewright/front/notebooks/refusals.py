"""Responses of the proxy itself: a small page for a browser, JSON for scripts. They carry no script and no style."""

from __future__ import annotations

from html import escape

import orjson

from sagewright.http.messages import HttpRequest, HttpResponse

HEADERS = [
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
]
AGAIN_S = 1
"""Interval at which a page that waits loads itself again."""


class NotebookRefused(Exception):
    """A refused request. `again`: the page loads itself again until the notebook answers."""

    def __init__(self, status: int, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.status, self.again = status, again


def signed_out() -> NotebookRefused:
    return NotebookRefused(
        401, "Open this notebook from Studio, or by the command `sagewright notebook`: the session is over."
    )


def refusal(request: HttpRequest, refused: NotebookRefused) -> HttpResponse:
    headers = [*HEADERS, ("retry-after", str(AGAIN_S))] if refused.again else list(HEADERS)
    if "text/html" not in request.headers.get("accept", ""):
        body = orjson.dumps({"message": str(refused), "reason": "sagewright"})
        return HttpResponse(refused.status, [*headers, ("content-type", "application/json")], body)
    again = f'<meta http-equiv="refresh" content="{AGAIN_S}">' if refused.again else ""
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Notebook</title>{again}'
        f'<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<h1>{'Starting' if refused.again else 'Not open'}</h1><p>{escape(str(refused))}</p></html>"
    )
    return HttpResponse(refused.status, [*headers, ("content-type", "text/html; charset=utf-8")], page.encode())
