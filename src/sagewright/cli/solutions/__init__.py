"""Solutions: `command` (`sagewright solutions`), `templates` (which there are), `running` (one run of one), `removal` (deletes what
it made).
"""
