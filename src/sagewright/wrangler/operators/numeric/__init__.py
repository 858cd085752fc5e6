"""Operators on numbers and vectors."""
