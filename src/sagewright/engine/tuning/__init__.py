"""Tuning jobs: a pass advances a tuning job by starting, observing and stopping its training jobs.

The package `sagewright.tuning` decides what to try next. Trials are started by operations, through `engine.calls`, and tracked as
steps of `engine.pipelines` are.
"""
