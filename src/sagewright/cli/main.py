"""The command's entry point; each subcommand is a module."""

from __future__ import annotations

import typer

from sagewright.cli.commands import (
    catalogue,
    deployrules,
    doctor,
    door,
    endpoints,
    examples,
    experiments,
    explain,
    guide,
    jobs,
    models,
    objects,
    pipelines,
    processing,
    ps,
    studio,
    transform,
    tuning,
    up,
    weights,
)
from sagewright.cli.notebooks import command as notebooks
from sagewright.cli.solutions import command as solutions
from sagewright.cli.why import why
from sagewright.cli.wrangle import wrangle

app = typer.Typer(
    name="sagewright",
    help="An open SageMaker that you run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(door.exec_)
app.command("env")(door.env)
app.add_typer(jobs.app, name="jobs")
app.add_typer(processing.app, name="processing")
app.add_typer(transform.app, name="transform")
app.add_typer(tuning.app, name="tuning")
app.add_typer(pipelines.app, name="pipelines")
app.add_typer(experiments.app, name="experiments")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(models.app, name="models")
for command in (catalogue.catalogue, catalogue.add, catalogue.remove):
    models.app.command()(command)
app.add_typer(deployrules.app, name="deploy-rule")
app.add_typer(objects.app, name="objects")
app.add_typer(weights.app, name="weights")
app.add_typer(examples.app, name="examples")
app.add_typer(solutions.app, name="solutions")
app.command("wrangle")(wrangle)
app.command("guide")(guide.guide)
app.command("ps")(ps.ps)
app.command("why")(why)
app.command("explain")(explain.explain)
app.command("doctor")(doctor.doctor)
app.command("studio")(studio.studio)
app.add_typer(notebooks.app, name="notebook")


def main() -> None:
    app()


if __name__ == "__main__":
    main()
