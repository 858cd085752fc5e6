"""Pipelines and their executions.

Imports `resources`.
"""
