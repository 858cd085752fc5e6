"""`torch_smddp` for scripts of today; `distributed` and `parallel` for those written for the library's first version."""
