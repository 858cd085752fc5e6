"""The command `sagewright`."""
