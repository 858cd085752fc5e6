"""Pipelines and experiments."""
