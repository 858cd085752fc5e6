"""Operators on rows and on whole tables."""
