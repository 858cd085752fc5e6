"""`torch_smddp` for today's scripts; `distributed` and `parallel` for those written for the library's first version."""
