"""JumpStart: the public hub with the catalogue, private hubs with their contents and references, and the checks of its model data.

Imports `registry`, `search` and `resources`, and no other wing but them.
"""
