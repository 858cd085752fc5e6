"""Operators that convert categories to numbers."""
