"""Operators that make numbers of categories."""
