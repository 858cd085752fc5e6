"""Operators on times and series."""
