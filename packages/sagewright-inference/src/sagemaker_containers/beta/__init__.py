"""The part that scripts import."""
