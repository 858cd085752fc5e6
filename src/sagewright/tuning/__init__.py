"""Tuning jobs' decisions: the loop that starts and stops trials, and the process in which a searcher suggests them.

Everything here is a pure function of a study and its trials; the engine carries the decisions out.
"""
