"""Headers that pass between a browser and a notebook."""

from __future__ import annotations

from urllib.parse import urlsplit

from sagewright.front.notebooks.refusals import NotebookRefused
from sagewright.http.messages import HttpRequest
from sagewright.model.notebooks.grants import OWN, without_own

HOP = frozenset({"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
                 "transfer-encoding", "upgrade"})  # fmt: skip
"""Headers of one connection. Source: RFC 9110, 7.6.1."""
NOT_PASSED = HOP | {"authorization", "cookie", "content-length", "expect", "forwarded", "x-real-ip"}
NOT_RETURNED = HOP | {"server", "date", "set-cookie", "alt-svc", "strict-transport-security", "clear-site-data",
                      "content-security-policy", "referrer-policy", "x-content-type-options", "x-frame-options",
                      "cross-origin-resource-policy"}  # fmt: skip
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REPLACED = ("frame-ancestors", "report-uri", "report-to")


def is_upgrade(request: HttpRequest) -> bool:
    return "upgrade" in request.headers.get("connection", "").lower() and bool(request.headers.get("upgrade"))


def check_origin(request: HttpRequest) -> None:
    """Refuses requests that a page of another origin can send. Raises NotebookRefused."""
    own = {f"http://{request.host}", f"https://{request.host}"}
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if is_upgrade(request):
        if origin not in own:
            raise NotebookRefused(403, "WebSockets from pages of another origin are refused.")
    elif request.method not in SAFE and (site not in {"same-origin", "none"} or not (origin is None or origin in own)):
        raise NotebookRefused(403, f"{request.method} requests from pages of another origin are refused.")
    elif site in {"cross-site", "same-site"} and request.headers.get("sec-fetch-mode") != "navigate":
        raise NotebookRefused(403, "Requests from pages of another origin are refused.")


def passed(request: HttpRequest) -> dict[str, str]:
    """Returns a request's headers for the notebook: without the session and AWS's signatures, with the client's address."""
    kept = {
        name: value
        for name, value in request.headers.items()
        if name not in NOT_PASSED and not name.startswith(("x-forwarded-", "x-amz-"))
    }
    cookies = without_own(request.headers.get("cookie", ""))
    if cookies:
        kept["cookie"] = cookies
    kept["x-forwarded-for"] = request.address
    return kept | {"x-forwarded-proto": request.scheme, "x-forwarded-host": request.host}


def returned(
    headers: dict[str, str], cookies: list[str], request: HttpRequest, studio: tuple[str, ...]
) -> list[tuple[bytes, bytes]]:
    """Returns a notebook's headers for the browser. `studio`: origins that may frame its pages."""
    kept = [
        (name, value)
        for name, value in headers.items()
        if name not in NOT_RETURNED and not name.startswith("access-control-")
    ]
    kept += [("set-cookie", one) for one in map(host_only, cookies) if one]
    kept += [
        ("content-security-policy", framed(headers.get("content-security-policy", ""), studio)),
        ("referrer-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ]
    if "location" in headers:
        kept = [(name, _inside(value, request) if name == "location" else value) for name, value in kept]
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in kept if value]


def host_only(cookie: str) -> str:
    """Returns a cookie without its Domain, "" for one with a name of this server's.

    Browsers send a cookie without a name as only its value: `=a=b` comes back as `a=b`.
    """
    name, *attributes = cookie.split(";")
    if name.lstrip("= \t").startswith(OWN):
        return ""
    return ";".join([name, *(one for one in attributes if not one.strip().lower().startswith("domain"))])


def framed(policy: str, studio: tuple[str, ...]) -> str:
    """Returns a policy that allows framing by the notebook itself and by Studio; other directives stay."""
    kept = [one.strip() for one in policy.split(";") if one.strip() and not one.strip().lower().startswith(_REPLACED)]
    return "; ".join([*kept, " ".join(["frame-ancestors 'self'", *studio])])


def _inside(location: str, request: HttpRequest) -> str:
    """Returns a redirection to the notebook's own host as a path: the notebook does not know the client's scheme."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "/"
    if parts.netloc and parts.netloc == request.host:
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return location
