"""`sagewright studio`: signs in to Studio in the browser."""

from __future__ import annotations

import os
import sys
from typing import Annotated
from urllib.parse import quote

import typer

from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.model.settings import Settings

PUBLIC = "public-endpoint"
"""Note of the URL for other machines, where there is one."""


def studio(
    data: DataOption = None,
    show: Annotated[bool, typer.Option("--show", help="Print the URL instead of opening the browser.")] = False,
    user: Annotated[str | None, typer.Option("--user", help="Sign in as a user.", metavar="NAME")] = None,
) -> None:
    """Open Studio in the browser, signed in. The URL works once, within five minutes."""
    settings = settings_of(data=data)
    open_url(signed_in_as(settings, user) if user else signed_in(settings, ""), show)


def signed_in_as(settings: Settings, user: str, minutes: int = 5) -> str:
    """Returns a URL that signs a user in once. Of a server with TLS, it is the one for other machines."""
    from sagewright.cli.lean import ServiceError, connect

    connection, public = connect(settings), settings.data / PUBLIC
    path = f"/_sagewright/sign-in/{quote(user, safe='')}?seconds={minutes * 60}"
    try:
        answer = connection.send("POST", path, "sagewright", {})
    except ServiceError as error:
        fail(str(error), FAILURE)
    base = public.read_text().strip() if public.exists() else connection.target.endpoint
    return f"{base}/studio/auth?token={quote(answer['Token'])}"


def signed_in(settings: Settings, path: str) -> str:
    """Returns a URL that signs in once and leads to a page. `path`: below /studio, "" for its home."""
    from sagewright.cli.lean import lean_client

    sagemaker = lean_client(settings, "sagemaker")
    domain = sagemaker.list_domains()["Domains"][0]["DomainId"]
    answer = sagemaker.create_presigned_domain_url(
        DomainId=domain, UserProfileName="default", LandingUri=f"studio::{path}"
    )
    return str(answer["AuthorizedUrl"])


def open_url(url: str, show: bool) -> None:
    """Opens a URL in the browser; prints it where there is none, or if `show`."""
    import webbrowser

    if show or not has_screen() or not webbrowser.open(url):
        print(url)  # noqa: T201
    else:
        print("Studio opens in the browser.")  # noqa: T201


def has_screen() -> bool:
    """Returns True if a browser can open a window: without one, `webbrowser` would start a text browser in this terminal."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
