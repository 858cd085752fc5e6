"""`sagewright up`: the server, in the foreground."""

from __future__ import annotations

import gc
import logging
import shlex
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from sagewright.cli.options import FAILURE, DataOption, fail, plain, settings_of
from sagewright.model import process_memory
from sagewright.model.kept.generated_code import KeptCode
from sagewright.model.settings import Settings

HostOption = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
PortOption = Annotated[int | None, typer.Option(help="Port; 0 picks a free one.", show_default="4700")]
TlsOption = Annotated[
    str | None,
    typer.Option(help="self-signed: HTTPS with a certificate from the server's own authority.", show_default="HTTP"),
]
CertificateOption = Annotated[
    Path | None, typer.Option("--tls-cert", help="Certificate for HTTPS, in PEM format.", show_default=False)
]
KeyOption = Annotated[Path | None, typer.Option("--tls-key", help="Key of the certificate.", show_default=False)]
InsecureOption = Annotated[bool, typer.Option("--insecure", help="Allow HTTP beyond this machine.")]
ObjectsOption = Annotated[
    str | None,
    typer.Option(help="Another S3 that stores all objects, such as s3://HOST:PORT.", show_default="the embedded store"),
]
BackendOption = Annotated[
    str | None,
    typer.Option(help="Backend that runs the hosts of jobs: local, ray, slurm or kubernetes.", show_default="local"),
]
RayOption = Annotated[str | None, typer.Option(help="The Ray cluster, such as ray://HOST:10001.", show_default=False)]
DemoOption = Annotated[
    bool, typer.Option("--demo", help="Create sample jobs, a tuning job, models, a pipeline and an endpoint.")
]
DetachOption = Annotated[
    bool,
    typer.Option(
        "--detach", "-d", help="Return once the server answers. Its output goes to up.log in the data directory."
    ),
]


def up(  # a parameter is an option of the command
    data: DataOption = None,
    host: HostOption = None,
    port: PortOption = None,
    tls: TlsOption = None,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    insecure: InsecureOption = False,
    objects: ObjectsOption = None,
    backend: BackendOption = None,
    ray_address: RayOption = None,
    demo: DemoOption = False,
    detach: DetachOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each request.")] = False,
) -> None:
    """Run the server until SIGTERM or Ctrl-C. Jobs continue without it."""
    given = {
        "data": data,
        "host": host,
        "port": port,
        "tls": tls,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "insecure": insecure or None,
        "objects": objects,
        "backend": backend,
        "ray_address": ray_address,
    }
    settings = settings_of(**given)
    if detach:
        _detach(settings, {**given, "demo": demo, "verbose": verbose})
        return
    gc.disable()  # collections while a thousand modules are imported find nothing, and take a tenth of the time
    generated = KeptCode("server").begin()
    from sagewright.server.server import Server
    from sagewright.server.startfaults import start_fault

    gc.freeze()
    gc.enable()
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)

    def ready(url: str) -> None:
        _announce(url, data, settings)
        generated.end()
        if demo:
            threading.Thread(target=_show_something, args=(settings,), daemon=True).start()

    try:
        Server(settings).run(ready)
    except Exception as error:
        sentence = start_fault(error, settings)
        if sentence is None:
            raise
        fail(sentence, FAILURE)
    if process_memory.is_spent():
        process_memory.start_again()


def _announce(url: str, data: Path | None, settings: Settings) -> None:
    typer.echo(f"Sagewright answers at {typer.style(plain(url), bold=True)}")
    own = "" if data is None else f" --data {shlex.quote(str(data))}"
    typer.echo(plain(f"Studio, in the browser: {url}/studio (signed in by: sagewright studio{own})"))
    typer.echo(plain(f"Data and credentials: {settings.data}"))
    typer.echo(plain(f"Run a program against it: sagewright exec{own} -- python your_script.py"))


def _detach(settings: Settings, given: dict[str, Any]) -> None:
    """Starts `sagewright up` with the options that were given in the background."""
    from sagewright.cli.server.background import start_detached

    names = {name: f"--{name.replace('_', '-')}" for name in given}
    words = [
        names[name] if value is True else f"{names[name]}={value}" for name, value in given.items() if _is_given(value)
    ]
    url = start_detached(settings, words)
    typer.echo(f"Sagewright answers at {url}")
    typer.echo(f"Studio, in the browser: {url}/studio")
    typer.echo(f"Stop it: sagewright down --data {shlex.quote(str(settings.data))}")


def _is_given(value: object) -> bool:
    return value is not None and value is not False


def _show_something(settings: Settings) -> None:
    """Creates the demo's resources while the server runs, and reports the outcome."""
    from botocore.exceptions import BotoCoreError, ClientError

    from sagewright.cli.server.demo import Demo

    try:
        Demo(settings).run()
    except (BotoCoreError, ClientError, TimeoutError) as error:
        typer.echo(plain(f"The demo stopped: {error}"))
    else:
        typer.echo("The demo's jobs, models, pipeline and endpoint are ready in Studio.")
