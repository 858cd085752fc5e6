"""One module for each command, or group of commands, of `sagewright`.

Imports the client, options and tables of `cli`.
"""
