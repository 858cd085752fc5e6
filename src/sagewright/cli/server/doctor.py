"""`sagewright doctor`: the capabilities of this machine, and how to enable missing ones."""

from __future__ import annotations

from sagewright.cli.options import DataOption, console, settings_of


def doctor(data: DataOption = None) -> None:
    """Check what this machine offers to jobs."""
    from rich.table import Table

    from sagewright.cli.server.findings import findings  # imports much that no other command needs

    table = Table("", "what", "detail", box=None)
    for finding in findings(settings_of(data=data)):
        mark = "[green]yes[/green]" if finding.good else "[yellow]no[/yellow]"
        table.add_row(mark, finding.what, finding.detail)
    console.print(table)
