"""Experiments, trials, trial components, and MLflow tracking servers.

Imports `resources`.
"""
