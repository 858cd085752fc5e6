"""`sagewright completion`: scripts that complete commands and options in a shell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class CompletionShell(StrEnum):
    """Shells with a completion script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[CompletionShell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print a shell's completion script: source <(sagewright completion bash).

    fish: sagewright completion fish | source. zsh runs the script after compinit.
    """
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="sagewright", complete_var="_SAGEWRIGHT_COMPLETE", shell=shell))
