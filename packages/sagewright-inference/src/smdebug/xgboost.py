"""The hook of this framework: see `smdebug`."""

from smdebug import CollectionKeys, Hook, ReductionConfig, SaveConfig, SaveConfigMode, get_hook, modes

__all__ = ["CollectionKeys", "Hook", "ReductionConfig", "SaveConfig", "SaveConfigMode", "get_hook", "modes"]
