"""Model Monitor: job definitions, monitoring schedules, their executions and alerts.

Imports `hosting` for endpoints, and the wings below it.
"""
