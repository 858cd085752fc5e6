"""Reasons: one sentence for each resource of a name, about its status. Computed when asked for, never by Describe.

`jobs` (jobs and tuning jobs), `hosting` (endpoints), `pipelines` (executions and their steps), `others` (model
packages and monitoring schedules), `reasons` (the kinds, and the search for a name). May import every other wing.
"""
