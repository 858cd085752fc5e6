"""Backups of a data directory, taken while its server runs, and restored into a new one.

`repository` is the folder of backups, `taking` and `restoring` fill and read it, `stores` copies the database. Imports the
store's schema and the model; the command uses it.
"""
