"""`sagewright doctor`: what this machine can and can't do, and how to enable it."""

from __future__ import annotations

from sagewright.cli.options import DataOption, console, settings_of


def doctor(data: DataOption = None) -> None:
    """Look at this machine and say what jobs can have here."""
    from rich.table import Table

    from sagewright.cli.findings import findings  # looks through much that no other command needs

    table = Table("", "what", "detail", box=None)
    for finding in findings(settings_of(data=data)):
        mark = "[green]yes[/green]" if finding.good else "[yellow]no[/yellow]"
        table.add_row(mark, finding.what, finding.detail)
    console.print(table)
