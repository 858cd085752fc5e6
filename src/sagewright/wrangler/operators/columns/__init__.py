"""Operators on columns and their types."""
