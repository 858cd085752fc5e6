"""Secrets at rest: in rows, they are sealed by a data key, which is itself sealed by a master key that no row holds.

`master_keys` finds and writes master keys, `ciphers` seals and opens, `data_keys` keeps the data key's row and replaces its master
key. Imports the schema; the database opens a cipher when it is first needed.
"""
