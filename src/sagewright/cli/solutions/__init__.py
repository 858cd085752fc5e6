"""Solutions: `command` (`sagewright solutions`), `templates` (the list of solutions), `running` (one run of a solution),
`removal` (deletes what it created)."""
