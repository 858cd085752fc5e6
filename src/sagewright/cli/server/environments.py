"""`sagewright env`: exports of the running server, and the cached environments of jobs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sagewright.cli.jobs.frameworks import Framework, image_of
from sagewright.cli.lazy import DefaultGroup
from sagewright.cli.options import FAILURE, DataOption, console, fail, settings_of
from sagewright.cli.output import Format, OutputColumn, gigabytes, moment, print_rows, write
from sagewright.cli.server.door import env
from sagewright.model.settings import Settings

if TYPE_CHECKING:
    from sagewright.runtimes.progress import InstallProgress

_SHOW_S = 2.0
"""Time between two lines about a build."""


class EnvGroup(DefaultGroup):
    """`sagewright env` without a subcommand prints the exports."""

    default = "show"


app = typer.Typer(cls=EnvGroup, help="Exports of the running server for a shell, and the cached environments of jobs.")
app.command("show")(env)


@app.command("list")
def list_(
    data: DataOption = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="Format of the list.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --output json.")] = False,
) -> None:
    """List the cached environments and their sizes. FREES is what removing one would free; other directories share the rest."""
    from sagewright.runtimes.inventory import stored_environments

    found = [vars(one) for one in stored_environments(settings_of(data=data).environments_dir)]
    columns = [
        OutputColumn("NAME", lambda one: str(one["key"])),
        OutputColumn("PYTHON", lambda one: str(one["python"])),
        OutputColumn("PACKAGES", lambda one: "incomplete" if one["packages"] is None else str(one["packages"])),
        OutputColumn("SIZE", lambda one: gigabytes(one["size"])),
        OutputColumn("FREES", lambda one: gigabytes(one["frees"])),
        OutputColumn("MADE", lambda one: moment(datetime.fromtimestamp(one["made_s"], UTC))),
    ]
    print_rows(found, columns, Format.JSON if as_json else output)


@app.command()
def prebuild(
    images: Annotated[
        list[str],
        typer.Argument(help=f"URIs of AWS's images, or frameworks: {', '.join(Framework)}.", metavar="IMAGE..."),
    ],
    data: DataOption = None,
) -> None:
    """Build environments now, so that no job has to wait for them. Existing ones cost nothing."""
    from sagewright.runtimes.environments import EnvironmentFailed, Environments
    from sagewright.runtimes.images import resolve_image
    from sagewright.runtimes.launch import has_environment
    from sagewright.runtimes.progress import InstallProgress
    from sagewright.runtimes.recipes import NoRecipe

    settings = settings_of(data=data)
    for uri in images:
        image = resolve_image(_uri(uri, settings))
        if not has_environment(image):
            fail(f"{uri} is neither a framework nor one of AWS's images; a container brings its own packages.")
        begun, progress = time.monotonic(), InstallProgress()
        environments = Environments(settings.environments_dir, settings.framework_versions, follow=progress.take)
        try:
            with _shown(progress):
                made = environments.ensure(image, lambda line: console.print(line, markup=False))
        except NoRecipe as error:
            fail(f"There is no environment for {uri}: {error}.", FAILURE)
        except (EnvironmentFailed, OSError) as error:
            fail(f"Cannot build the environment of {uri}: {error}", FAILURE)
        write(f"{made.path.name}: ready, {len(made.packages)} packages, {time.monotonic() - begun:.1f} s")


@app.command()
def prune(
    names: Annotated[list[str] | None, typer.Argument(help="Names of environments, as `list` prints them.")] = None,
    data: DataOption = None,
    all_: Annotated[bool, typer.Option("--all", help="Every environment.")] = False,
) -> None:
    """Remove environments and the remains of interrupted builds, while no server and no job runs. Jobs build them again.

    Don't use this command on a directory that several machines share: it sees only the jobs of this machine.
    """
    from sagewright.model.titles import running
    from sagewright.runtimes.environments import EnvironmentFailed, Environments
    from sagewright.runtimes.inventory import remove_environment, stored_environments

    settings = settings_of(data=data)
    shared = not settings.environments_dir.is_relative_to(settings.data)
    if live := running(None if shared else settings.data):
        fail(f"{len(live)} processes of a server or of jobs run, as `sagewright ps` lists them; stop them first.")
    stored = {one.key: one for one in stored_environments(settings.environments_dir)}
    if missing := [name for name in names or [] if name not in stored]:
        fail(f"There is no environment {missing[0]} in {settings.environments_dir}.", FAILURE)
    chosen = [one for key, one in stored.items() if all_ or key in (names or []) or one.packages is None]
    environments, freed = Environments(settings.environments_dir, settings.framework_versions), 0
    for one in chosen:
        try:
            remove_environment(environments, one.key)
        except (EnvironmentFailed, OSError) as error:
            fail(f"Cannot remove {one.key}: {error}", FAILURE)
        write(f"{one.key}: removed")
        freed += one.frees
    write(f"{gigabytes(freed)} freed." if chosen else "Nothing to remove: name environments, or give --all.")


def _uri(given: str, settings: Settings) -> str:
    with suppress(ValueError):
        return image_of(Framework(given), "", settings.region)
    return given


@contextmanager
def _shown(progress: InstallProgress) -> Iterator[None]:
    """Shows the progress every two seconds if the output is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    stopped = threading.Event()
    thread = threading.Thread(target=_show, args=(progress, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        sys.stderr.write("\r\x1b[K")


def _show(progress: InstallProgress, stopped: threading.Event) -> None:
    while not stopped.wait(_SHOW_S):
        sys.stderr.write(f"\r\x1b[K{progress.text()}")
        sys.stderr.flush()
