"""Vocabulary of all layers: names, states, errors, settings. Imports no other package of the project."""
