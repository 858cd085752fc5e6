"""`sagewright studio`: signs in to Studio in the browser."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sagewright.cli.options import DataOption, settings_of


def studio(
    data: DataOption = None,
    show: Annotated[bool, typer.Option("--show", help="Print the URL instead of opening the browser.")] = False,
) -> None:
    """Open Studio in the browser, signed in. The URL works once, within five minutes."""
    import webbrowser

    from sagewright.cli.lean import lean_client

    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    domain = sagemaker.list_domains()["Domains"][0]["DomainId"]
    url = sagemaker.create_presigned_domain_url(DomainId=domain, UserProfileName="default")["AuthorizedUrl"]
    if show or not has_screen() or not webbrowser.open(url):
        print(url)  # noqa: T201
    else:
        print("Studio opens in the browser.")  # noqa: T201


def has_screen() -> bool:
    """Tells whether a browser can open a window: without one, `webbrowser` would start a text browser in this terminal."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
