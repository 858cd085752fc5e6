"""A group of commands that imports a command's module when it is called, not before."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class LazyCommand:
    """`place`: module and attribute, below `sagewright.cli`: a Typer of subcommands or one command's function. `help`: its line in
    the list of commands."""

    place: str
    help: str
    plain: bool = False
    """Every word after the first that is not an option belongs to another program."""
    hint: str = ""
    """Said with the refusal of an unknown option."""

    def load(self, name: str) -> Any:
        """Returns the click command."""
        module, _, attribute = self.place.partition(":")
        found = getattr(importlib.import_module(f"sagewright.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            found.rich_markup_mode = None
            command: Any = typer.main.get_group(found)
        else:
            single = typer.Typer(rich_markup_mode=None, add_completion=False)
            settings = {"ignore_unknown_options": True, "allow_interspersed_args": False} if self.plain else None
            single.command(name, cls=_HintingCommand, context_settings=settings)(found)
            command = typer.main.get_command(single)
            command.hint = self.hint
        command.name = name
        return command


class _HintingCommand(TyperCommand):
    hint = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Adds the hint to the refusal of an unknown option."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if self.hint and hasattr(error, "option_name") and hasattr(error, "format_message"):
                ctx.fail(f"{error.format_message()}. {self.hint}")
            raise


_OF_JOBS = frozenset({"list", "logs", "shell", "show", "stop", "wait"})


def _nearest(name: str, known: list[str]) -> list[str]:
    """Returns up to two commands that a mistyped name may mean: those that it begins, the same verb for jobs, or similar names."""
    from difflib import get_close_matches

    if name in _OF_JOBS and "jobs" in known:
        return [f"jobs {name}"]
    longer = [one for one in known if one.startswith(name)]
    return longer[:2] or get_close_matches(name, known, 2, 0.6)


def _refuse(ctx: Any, name: str, known: list[str]) -> None:
    """Ends the command: it has no subcommand of that name."""
    near = _nearest(name, known)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"{ctx.command_path} --help lists the commands."
    ctx.fail(f"There is no command {name!r}. {hint}")


class LazyGroup(TyperGroup):
    """Commands that were registered, and those of `table` after them."""

    table: dict[str, LazyCommand] = {}  # noqa: RUF012 - a subclass declares it

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(dict.fromkeys([*(name for name in self.commands if name not in self.table), *self.table]))

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in self.table:
            self.commands[cmd_name] = self.table[cmd_name].load(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Suggests the nearest names of an unknown command."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            _refuse(ctx, args[0], known)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self.table[name].help if name in self.table else self.commands[name].get_short_help_str(limit))
                 for name in names]
            )  # fmt: skip


class DefaultGroup(TyperGroup):
    """A group one of whose commands needs no name: `default` runs if the first word names no other."""

    default = ""

    def _takes_a_word(self) -> bool:
        """Returns True if the default command has an argument."""
        return any(one.param_type_name == "argument" for one in self.commands[self.default].params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"--help", "-h"}):
            if args and not args[0].startswith("-") and not self._takes_a_word():
                _refuse(ctx, args[0], list(self.commands))
            args = [self.default, *args]
        found: list[str] = super().parse_args(ctx, args)
        return found
