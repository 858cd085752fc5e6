"""Implementations of the types of pipeline steps."""
