"""The command's entry point; each subcommand is a module, imported when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from sagewright.cli.lazy import LazyCommand, LazyGroup


class Commands(LazyGroup):
    """All commands."""

    table = {  # noqa: RUF012 - never changed
        "up": LazyCommand("server.up:up", "Run the server."),
        "down": LazyCommand("server.background:down", "Stop the server; its jobs go on."),
        "status": LazyCommand("server.status:status", "The running server: URL, jobs, machine, disk."),
        "top": LazyCommand("server.status:top", "What runs on which share of the machine, and what waits."),
        "service": LazyCommand("server.service:app", "The server as a service of systemd."),
        "exec": LazyCommand("server.door:exec_", "Run a program against the server.", plain=True),
        "env": LazyCommand("server.environments:app", "Exports for a shell; environments of jobs."),
        "run": LazyCommand("jobs.run:run", "Train a script as a job.", hint="Arguments of the script follow --."),
        "jobs": LazyCommand("jobs.training:app", "Training jobs."),
        "processing": LazyCommand("jobs.processing:app", "Processing jobs."),
        "transform": LazyCommand("jobs.transform:app", "Transform jobs."),
        "tuning": LazyCommand("jobs.tuning:app", "Hyperparameter tuning jobs."),
        "pipelines": LazyCommand("workflows.pipelines:app", "Pipelines and their executions."),
        "experiments": LazyCommand("workflows.experiments:app", "Experiments and their runs."),
        "endpoints": LazyCommand("hosting.endpoints:app", "Endpoints."),
        "models": LazyCommand("hosting.models:app", "The model registry, and JumpStart's models."),
        "deploy-rule": LazyCommand("hosting.deployrules:app", "Rules that deploy approved models."),
        "cp": LazyCommand("storage.copying:cp", "Copy files to or from S3."),
        "ls": LazyCommand("storage.copying:ls", "Buckets, folders and objects in S3."),
        "sync": LazyCommand("storage.copying:sync", "Copy what differs between a folder and S3."),
        "objects": LazyCommand("storage.objects:app", "Maintenance of the object store."),
        "backup": LazyCommand("storage.backup:backup", "Back up a data directory."),
        "restore": LazyCommand("storage.backup:restore", "Restore a backup."),
        "weights": LazyCommand("hosting.weights:app", "Weights of pretrained networks."),
        "examples": LazyCommand("examples.command:app", "Example programs."),
        "solutions": LazyCommand("solutions.command:app", "Whole solutions, from data to an endpoint."),
        "wrangle": LazyCommand("storage.wrangle:wrangle", "Run a Data Wrangler flow."),
        "guide": LazyCommand("examples.guide:guide", "Find the program for your task."),
        "why": LazyCommand("server.why:why", "Why a resource waits, runs or has failed."),
        "ps": LazyCommand("server.ps:ps", "Processes of the server and of its jobs."),
        "explain": LazyCommand("hosting.explain:explain", "Importances, bias and contributions."),
        "doctor": LazyCommand("server.doctor:doctor", "Check what this machine offers to jobs."),
        "studio": LazyCommand("server.studio:studio", "Open Studio in the browser."),
        "open": LazyCommand("server.opening:open_page", "Open a page of Studio, by what it is about."),
        "completion": LazyCommand("server.completion:completion", "Print a completion script for a shell."),
        "users": LazyCommand("access.users:app", "People who share the server."),
        "keys": LazyCommand("access.keys:app", "Access keys of users."),
        "quotas": LazyCommand("access.quotas:app", "Limits of the account, users and roles; weights in the queue."),
        "audit": LazyCommand("access.audit:audit", "Who did what, and what was denied."),
        "notebook": LazyCommand("notebooks.command:app", "JupyterLab's spaces, and notebooks as jobs."),
    }


app = typer.Typer(
    name="sagewright",
    cls=Commands,
    help="An open SageMaker that you run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"sagewright {version('sagewright')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """An open SageMaker that you run yourself."""


def main() -> None:
    import os

    if "_SAGEWRIGHT_COMPLETE" in os.environ:  # a shell asks for completions
        from typer._completion_classes import completion_init

        completion_init()
    app(prog_name="sagewright")


if __name__ == "__main__":
    main()
