"""URLs that open a notebook, signed in.

Source: AWS's API reference, CreatePresignedDomainUrl and CreatePresignedNotebookInstanceUrl.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from sagewright.model.addresses import is_loopback
from sagewright.model.errors import AwsError, ValidationException
from sagewright.model.notebooks.grants import Grant, one_time_token
from sagewright.model.notebooks.origins import OPEN, TOKEN, NotebookHosts
from sagewright.services.context import Context
from sagewright.services.sagemaker.studio.sign_in.notebook_routes import label_of_route
from sagewright.services.session_keys import StoredKeys
from sagewright.store import identity

LAB, SERVER, CODE, CANVAS = "JupyterLab", "JupyterServer", "CodeEditor", "Canvas"
APP_TYPES = (LAB, SERVER, CODE, CANVAS)
IN_SPACES = (LAB, CODE)
ROOTS = {LAB: "/lab", SERVER: "/lab", CODE: "/", CANVAS: "/"}
"""The first page of each type of app."""
MOST_PATH = 1024


def refuse_jobs(context: Context) -> None:
    """Raises AccessDeniedException for a job's credentials: its key ends with the job, a session would not."""
    key = identity.find_key(context.store, context.principal.access_key)
    if key is not None and key.job_id:
        raise AwsError("AccessDeniedException", "A job's credentials can't sign in to Studio.", 403)


def read_landing(uri: str) -> tuple[str, str]:
    """Returns the app's type and the path of a LandingUri such as `app:JupyterLab:lab/tree/a.ipynb`. Raises ValidationException."""
    scheme, _, rest = uri.partition(":")
    app_type, _, path = rest.partition(":")
    if scheme != "app" or app_type not in APP_TYPES:
        raise ValidationException(
            f"LandingUri {uri} is not served by Sagewright: it serves studio::PATH, and app:TYPE:PATH with one of the types "
            f"{', '.join(APP_TYPES)}."
        )
    decoded = unquote(path)
    if len(path) > MOST_PATH or "\\" in decoded or any(ord(letter) < 32 for letter in decoded):
        raise ValidationException(
            f"The path of LandingUri has at most {MOST_PATH} characters, without control characters or \\."
        )
    return app_type, "/" + path.lstrip("/") if path.strip("/") else ROOTS[app_type]


@dataclass(frozen=True)
class NotebookUrl:
    """`path`: the first page; `url_s`, `session_s`: validity of the URL and of the session, in seconds; `principal`: its ARN."""

    path: str
    url_s: int
    session_s: int
    principal: str


def notebook_url(context: Context, route: dict[str, Any], url: NotebookUrl) -> str:
    """Returns a URL that opens a notebook once. `route`: an entry of `engine.apps.app_routes`."""
    settings = context.settings
    label = label_of_route(route, settings)
    grant = Grant(route["space"] or route["id"], url.session_s, url.path, context.principal.access_key or "")
    token = one_time_token(StoredKeys(context.store), url.principal, url.url_s, grant)
    local = is_local(context.base_url)
    origin = NotebookHosts(settings.notebook_domain).origin(label, context.base_url, local=local)
    if local and settings.notebook_port:
        origin = f"http://localhost:{settings.notebook_port}"
    return f"{origin}{OPEN}?{TOKEN}={quote(token)}"


def is_local(url: str) -> bool:
    """Returns True for a URL at which only clients of this machine reach the server."""
    name = urlsplit(url).hostname or ""
    return name.endswith(".localhost") or is_loopback(name)
