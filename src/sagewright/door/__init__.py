"""Environments for the user's programs, in which AWS calls reach this server. Changes nothing outside of them."""
