"""The stages of a host's life: admission, preparation (with its environment), execution (with its launches), ending. Each hands a
typed result to the next.

Imports all wings of the agent; only `host` imports it.
"""
