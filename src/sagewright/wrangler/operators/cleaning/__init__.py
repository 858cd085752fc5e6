"""Operators on missing, extreme and rare values."""
