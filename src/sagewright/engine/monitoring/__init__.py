"""Alarms, autoscaling, and metric filters over log lines.

Reads metrics from the store, and changes what it scales by operations through `engine.calls`. Imports
`engine.events` for the times of scheduled actions.
"""
