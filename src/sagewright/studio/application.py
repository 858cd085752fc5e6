"""The ASGI application under `/studio`: who may see a page, and the headers of every response."""

from __future__ import annotations

import gzip
import hmac
import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from sagewright.http import asgi
from sagewright.http.asgi import ClientGone, Incoming
from sagewright.http.limits import ConnectionLimits
from sagewright.http.pools import CallPool, Full
from sagewright.model import sign_on
from sagewright.model.errors import AwsError
from sagewright.model.notebooks.origins import NotebookHosts
from sagewright.model.sign_on import SignOn
from sagewright.model.studio_sessions import Session, SessionKeys, Sessions
from sagewright.studio import assets, buttons, rendering
from sagewright.studio.live import Changes, Live
from sagewright.studio.logfile import LogFile
from sagewright.studio.operations import Client, OperationCall, Operations, Readings
from sagewright.studio.pages import load
from sagewright.studio.shell import Shell
from sagewright.studio.sign_in.attempts import SignInAttempts
from sagewright.studio.sign_in.origins import is_secure, own_origins
from sagewright.studio.sign_in.provider import ANSWER, ProviderSignIn
from sagewright.studio.visit import FORMS, PAGES, Done, Form, Page, Place, Visit

MISSING = ("not found", "Could not find", "can't find", "does not exist", "RecordNotFound")
"""Words of operations whose code is ValidationException for a resource that does not exist."""
MOST_FORM = 1024 * 1024
SMALL_FORM = 4096
MOST_QUERY = 16 * 1024
MOST_QUERY_FIELDS = 1200
SLOTS, WAITING = 4, 256
ACTS, WAITING_ACTS = 8, 64
"""Calls that forms make at a time: an endpoint or a function may take its time, pages do not wait for it."""
FLASH = "sagewright-studio-done"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
log = logging.getLogger("sagewright.studio")
Handler = Callable[[Request, Incoming], Awaitable[Response]]


@dataclass(frozen=True)
class StudioSettings:
    """`hosts`: names of this server besides IP addresses and localhost. `open_to`: the principal of visitors without a session, ""
    if everyone has to sign in; `data`: the option of commands that reach this server, "" where they find it without.
    `notebooks`: hosts whose pages Studio never answers."""

    account: str
    region: str
    hosts: frozenset[str] = frozenset()
    open_to: str = ""
    data: str = ""
    notebooks: NotebookHosts = field(default_factory=NotebookHosts)


@dataclass(frozen=True)
class StudioSource:
    """The facilities that the server provides."""

    operations: Operations
    readings: Readings
    keys: SessionKeys
    changes: Changes
    sign_on: SignOn | None = None


class Studio:
    """The application under `/studio`."""

    def __init__(self, settings: StudioSettings, source: StudioSource, limits: ConnectionLimits) -> None:
        load()
        self._settings, self._source, self._limits = settings, source, limits
        self.sessions = Sessions(source.keys)
        self._live = Live(source.changes)
        self._attempts = SignInAttempts()
        self._pool = CallPool("studio", SLOTS, WAITING)
        self._acts = CallPool("studio-acts", ACTS, WAITING_ACTS)
        self._shell = Shell(settings.account, settings.region)
        self._provider = sign_on.PATH if source.sign_on is not None else ""
        self._app = Starlette(routes=list(self._routes()))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def close(self) -> None:
        """Ends open streams, which would delay the server's end."""
        self._live.close()

    def _routes(self) -> list[Route]:
        routes = [
            Route("/", self._guarded(self._root)),
            Route("/studio/static/{name}", self._guarded(self._asset)),
            Route("/studio/chart-frame", self._guarded(self._chart_frame)),
            Route("/studio/auth", self._guarded(self._sign_in)),
            Route("/studio/sign-in", self._guarded(self._sign_in_by_key), methods=["POST"]),
            Route("/studio/live", self._guarded(self._stream)),
            Route("/studio/log-file", self._guarded(self._log_file)),
            Route("/studio/act", self._guarded(self._act), methods=["POST"]),
            Route("/studio/sign-out", self._guarded(self._sign_out), methods=["POST"]),
            Route("/studio/theme", self._guarded(self._theme), methods=["POST"]),
        ]
        if self._source.sign_on is not None:
            kept = (self.sessions, self._attempts, self._acts, self._sign_in_page, self._signed_in)
            by_provider = ProviderSignIn(self._source.sign_on, *kept)
            routes.append(Route(sign_on.PATH, self._guarded(by_provider.begin)))
            routes.append(Route(ANSWER, self._guarded(by_provider.finish)))
        for form in FORMS:
            routes.append(Route(f"/studio{form.path}", self._guarded(self._filled_form(form)), methods=["POST"]))
        for page in sorted(PAGES, key=lambda page: [part.startswith("{") for part in page.path.split("/")]):
            for kind in ("html",) if ":path}" in page.path else ("json", "csv", "html"):
                suffix = "" if kind == "html" else f".{kind}"
                path = f"/studio{page.path}{suffix}" if page.path else f"/studio{suffix or ''}"
                routes.append(Route(path, self._guarded(self._page(page, kind))))
        return [*routes, Route("/studio/{rest:path}", self._guarded(self._missing))]

    # Every request

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                incoming = asgi.read_head(request.scope, request.receive, self._limits, frozenset({"host"}))
                if incoming.fault is not None or not self._is_ours(request):
                    return self._plain("This name is not one of this server's.", 421)
                response = await handler(request, incoming)
            except Full:
                response = self._plain("The server is busy. Try again in a moment.", 503)
            except ClientGone:
                response = Response(status_code=400)
            except AwsError as error:
                response = self._plain(f"{error.code}: {error.message}", error.status)
            except Exception:
                log.exception("Studio could not answer %s", request.url.path)
                response = self._plain("Studio failed to respond. The server's log says why.", 500)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return answer

    def _is_ours(self, request: Request) -> bool:
        """Refuses names that a stranger's DNS could point here (rebinding), and those of notebooks."""
        host = request.headers.get("host", "")
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if self._settings.notebooks.covers(host):
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self._settings.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    async def _session(self, request: Request, incoming: Incoming) -> Session | None:
        session = await self._pool.run(self.sessions.find, request.headers.get("cookie", ""))
        if session is not None:
            incoming.prove()
        return session

    async def _who(self, request: Request, incoming: Incoming) -> tuple[Session | None, str]:
        """Returns the session and its principal; "" for a stranger."""
        session = await self._session(request, incoming)
        return session, session.principal if session else self._settings.open_to

    def _plain(self, text: str, status: int) -> Response:
        page = rendering.render(
            "plain.html", shell=self._shell, text=text, status=status, theme="system", title="Studio"
        )
        return Response(page, status, media_type="text/html")

    # Pages

    def _page(self, page: Page, form: str) -> Handler:
        """Returns the handler of a page, or of its JSON or CSV twin. If the page's path ends with a `:path` parameter, its
        twins are at `?format=`."""

        async def show(request: Request, incoming: Incoming) -> Response:
            asked = request.query_params.get("format", "") if ":path}" in page.path else ""
            kind = asked if asked in ("json", "csv") else form
            session, principal = await self._who(request, incoming)
            if not principal:
                return self._stranger(request)
            if len(request.url.query) > MOST_QUERY:
                return self._plain(f"The URL has more than {MOST_QUERY} characters after '?'.", 414)
            visit = self._visit(request, principal, session)
            try:
                body, status = await self._pool.run(self._filled, page, kind, visit, session, request)
            except AwsError as error:
                if kind == "json":
                    body, status = rendering.twin({"error": error.code, "message": error.message}), 400
                else:
                    body, status = await self._pool.run(self._refused, page, visit, session, error, request)
            if isinstance(body, Done):
                return RedirectResponse(body.back, 303)
            types = {"json": "application/json", "csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"}
            response = packed(request, body, types[kind if status == 200 or kind == "json" else "html"], status)
            if session is not None and session.stale:
                response.headers.append("set-cookie", self.sessions.cookie(session, secure=is_secure(request)))
            if request.cookies.get(FLASH) and kind == "html":
                response.headers.append("set-cookie", f"{FLASH}=; Path=/studio; Max-Age=0; SameSite=Lax")
            return response

        return show

    def _visit(self, request: Request, principal: str, session: Session | None = None) -> Visit:
        place = Place(
            f"{request.url.scheme}://{request.headers.get('host', '')}", self._settings.account, self._settings.region
        )
        every = tuple(_fields(request.url.query, MOST_QUERY_FIELDS))
        path = request.url.path
        if ".json" in path or ".csv" in path:
            path = path.removesuffix(".json").removesuffix(".csv") if "/buckets/" not in path else path
        return Visit(
            Client(self._source.operations, principal, self._source.readings, key=session.key.id if session else ""),
            place,
            dict(request.path_params),
            every,
            quote(path, safe="/:@%"),
            cookies=request.cookies,
        )

    def _filled(
        self, page: Page, kind: str, visit: Visit, session: Session | None, request: Request
    ) -> tuple[bytes | Done, int]:
        if visit.query.get("token"):  # a form whose button only reads: the token is for forms that write
            return Done("", visit.link(token=None, **{name: None for name, value in visit.every if not value})), 303
        content = page.fill(visit)
        if isinstance(content, Done):
            return content, 303
        if kind == "json":
            return rendering.twin(content), 200
        if kind == "csv":
            rows = getattr(content, "csv", None)
            if rows is None:
                raise AwsError("NotFound", "This page is not a list: it has no CSV.", 404)
            return rendering.table(*rows()), 200
        return self._shell.page(page, visit, content, session, done=_flash(request), theme=_theme(request)), 200

    def _refused(
        self, page: Page, visit: Visit, session: Session | None, error: AwsError, request: Request
    ) -> tuple[bytes, int]:
        missing = error.status == 404 or "NotFound" in error.code or any(words in error.message for words in MISSING)
        body = self._shell.error(page, visit, error, session, theme=_theme(request))
        refused = error.code.startswith("AccessDenied")
        return body, 403 if refused else 404 if missing else 400

    def _stranger(self, request: Request) -> Response:
        return self._sign_in_page(request, "", 401)

    async def _root(self, request: Request, _incoming: Incoming) -> Response:
        page = rendering.render(
            "welcome.html",
            shell=self._shell,
            theme=_theme(request),
            version=version("sagewright"),
            data=self._settings.data,
        )
        return Response(page, media_type="text/html")

    async def _missing(self, request: Request, incoming: Incoming) -> Response:
        if not (await self._who(request, incoming))[1]:
            return self._stranger(request)
        return self._plain("There is no such page.", 404)

    async def _asset(self, request: Request, _incoming: Incoming) -> Response:
        return assets.response(request, request.path_params["name"])

    async def _chart_frame(self, _request: Request, _incoming: Incoming) -> Response:
        """Answers with the frame of users' charts, which contains no user's data."""
        page = rendering.render("chartframe.html", asset=assets.address)
        return Response(page, media_type="text/html", headers={"content-security-policy": assets.FRAME_POLICY})

    async def _stream(self, request: Request, incoming: Incoming) -> Response:
        if not (await self._who(request, incoming))[1]:
            return Response(status_code=401)
        if self._live.crowded:
            raise Full
        return StreamingResponse(
            self._live.stream(), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
        )

    async def _log_file(self, request: Request, incoming: Incoming) -> Response:
        _, principal = await self._who(request, incoming)
        if not principal:
            return self._stranger(request)
        client = self._visit(request, principal).client
        asked = request.query_params
        file = LogFile(client, asked.get("group", ""), asked.get("stream", ""))
        first = await self._pool.run(file.part)

        async def parts() -> AsyncIterator[bytes]:
            part = first
            while part:
                yield part
                part = await self._pool.run(file.part)

        headers = {"content-disposition": f'attachment; filename="{file.name}.log"'}
        return StreamingResponse(parts(), media_type="text/plain; charset=utf-8", headers=headers)

    # Signing in and out, and buttons

    async def _sign_in(self, request: Request, incoming: Incoming) -> Response:
        token = request.query_params.get("token", "")
        redeemed = await self._pool.run(self.sessions.redeem, token) if 0 < len(token) < 4096 else None
        if redeemed is None:
            return self._sign_in_page(request, "This URL has been used or has expired.", 403)
        session, landing = redeemed
        return self._signed_in(request, incoming, session, landing)

    def _signed_in(self, request: Request, incoming: Incoming, session: Session, landing: str) -> Response:
        incoming.prove()
        response = RedirectResponse(landing if landing.startswith("/studio") else "/studio", 303)
        response.headers.append("set-cookie", self.sessions.cookie(session, secure=is_secure(request)))
        return response

    async def _sign_in_by_key(self, request: Request, incoming: Incoming) -> Response:
        origin = request.headers.get("origin")
        if origin is None or origin not in own_origins(request):
            raise AwsError("AccessDenied", "The form does not come from a Studio page.", 403)
        fields = dict(_fields((await incoming.whole(SMALL_FORM, _too_long)).decode("utf-8", "replace"), 8))
        address = request.client.host if request.client else ""
        if not self._attempts.begin(address):
            return self._sign_in_page(request, "Too many attempts. Wait a minute.", 429)
        session = await self._pool.run(
            self.sessions.sign_in, fields.get("key", "").strip(), fields.get("secret", "").strip()
        )
        if session is None:
            return self._sign_in_page(request, "That access key and secret do not match.", 403)
        self._attempts.succeeded(address)
        return self._signed_in(request, incoming, session, "/studio")

    def _sign_in_page(self, request: Request, reason: str, status: int) -> Response:
        page = rendering.render(
            "signin.html", shell=self._shell, theme=_theme(request), reason=reason, provider=self._provider
        )
        return Response(page, status, media_type="text/html")

    async def _form(self, request: Request, incoming: Incoming) -> tuple[Session | None, str, list[tuple[str, str]]]:
        """Returns the caller and a form's fields. Raises AwsError for one that another site could have sent."""
        session, principal = await self._who(request, incoming)
        origin = request.headers.get("origin")
        if not principal or (origin is not None and origin not in own_origins(request)):
            raise AwsError("AccessDenied", "The form does not come from a Studio page.", 403)
        body = await incoming.whole(MOST_FORM, _too_long)
        fields = _fields(body.decode("utf-8", "replace"), 5000, keep_blank=True)
        token = dict(fields).get("token", "")
        if not hmac.compare_digest(token.encode(), self._form_token(session, principal).encode()) or (
            origin is None and session is None
        ):
            raise AwsError("AccessDenied", "The form is older than this session. Load the page again.", 403)
        return session, principal, fields

    def _form_token(self, session: Session | None, principal: str) -> str:
        return session.form_token if session else self._shell.open_token(principal)

    async def _act(self, request: Request, incoming: Incoming) -> Response:
        _, principal, fields = await self._form(request, incoming)
        try:
            submitted = buttons.read(fields)
        except buttons.BadForm as error:
            return self._plain(str(error), 400)
        failed = await self._acts.run(self._carry_out, principal, submitted.calls)
        count = len(submitted.calls)
        if failed is None:
            words = submitted.done.replace("{n}", str(count))
        else:
            number, refused = failed
            words = f"!{refused.code}: {refused.message}" + (f" ({number} of {count} succeeded)" if count > 1 else "")
        return _redirected(submitted.back, words)

    def _filled_form(self, form: Form) -> Handler:
        async def submit(request: Request, incoming: Incoming) -> Response:
            session, principal, fields = await self._form(request, incoming)
            visit = self._visit(request, principal, session)
            visit.chosen = tuple(value for name, value in fields if name == "pick")
            page = Page(form.path, form.template, form.nav, (), lambda _visit: None)
            try:
                content = await self._acts.run(form.fill, visit, dict(fields))
            except AwsError as error:
                body, status = await self._pool.run(self._refused, page, visit, session, error, request)
                return packed(request, body, "text/html; charset=utf-8", status)
            if isinstance(content, Done):
                return _redirected(content.back, content.words, content.cookie)
            theme = _theme(request)
            body = await self._pool.run(lambda: self._shell.page(page, visit, content, session, done="", theme=theme))
            return packed(request, body, "text/html; charset=utf-8")

        return submit

    def _carry_out(self, principal: str, calls: tuple[OperationCall, ...]) -> tuple[int, AwsError] | None:
        """Makes the calls; returns the number of those done, and the error, of the first that fails."""
        for number, call in enumerate(calls):
            try:
                self._source.operations.call(principal, call.service, call.operation, call.request)
            except AwsError as refused:
                return number, refused
        return None

    async def _sign_out(self, request: Request, incoming: Incoming) -> Response:
        session, _, _ = await self._form(request, incoming)
        response = RedirectResponse("/studio", 303)
        if session is not None:
            ended = await self._pool.run(lambda: self.sessions.end(session, secure=is_secure(request)))
            response.headers.append("set-cookie", ended)
        return response

    async def _theme(self, request: Request, incoming: Incoming) -> Response:
        _, _, fields = await self._form(request, incoming)
        theme = dict(fields).get("theme", "system")
        response = RedirectResponse(_own_path(request.headers.get("referer", "")), 303)
        if theme in ("light", "dark", "system"):
            response.headers.append("set-cookie", f"theme={theme}; Path=/; Max-Age=31536000; SameSite=Lax")
        return response


def _redirected(back: str, words: str, cookie: str = "") -> Response:
    """Opens a page of Studio with a notice."""
    response = RedirectResponse(back if back.startswith("/studio") and "\n" not in back else "/studio", 303)
    flash = f"{FLASH}={quote(words[:1500])}; Path=/studio; Max-Age=30; HttpOnly; SameSite=Lax"
    for one in (flash, cookie):
        if one:
            response.headers.append("set-cookie", one)
    return response


def packed(request: Request, body: bytes, media_type: str, status: int = 200) -> Response:
    """Returns a response, compressed where the browser takes it."""
    if len(body) > 1024 and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            gzip.compress(body, 5), status, {"content-encoding": "gzip", "vary": "accept-encoding, cookie"}, media_type
        )
    return Response(body, status, {"vary": "accept-encoding, cookie"}, media_type)


def _theme(request: Request) -> str:
    theme = request.cookies.get("theme", "system")
    return theme if theme in ("light", "dark") else "system"


def _flash(request: Request) -> str:
    return unquote(request.cookies.get(FLASH, ""))


def _own_path(address: str) -> str:
    try:
        path, query = urlsplit(address)[2:4]
    except ValueError:
        return "/studio"
    return (f"{path}?{query}" if query else path) if path.startswith("/studio") else "/studio"


def _fields(text: str, most: int, *, keep_blank: bool = False) -> list[tuple[str, str]]:
    """Returns the fields of a query or a form. Raises AwsError for more than `most`."""
    try:
        return parse_qsl(text, keep_blank_values=keep_blank, max_num_fields=most)
    except ValueError:
        raise AwsError("ValidationException", f"The request has more than {most} fields.", 400) from None


def _too_long(most: int) -> AwsError:
    return AwsError("RequestEntityTooLarge", f"The form has more than {most} bytes.", 413)
