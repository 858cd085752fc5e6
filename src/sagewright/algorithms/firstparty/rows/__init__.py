"""Training rows in memory and on disk: reads channels, holds, samples and spools their rows, finds copies. Imports hosts, never a
session.
"""
