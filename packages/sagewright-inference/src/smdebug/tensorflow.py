"""The hooks of this framework: see `smdebug`."""

from smdebug import CollectionKeys, Hook, ReductionConfig, SaveConfig, SaveConfigMode, get_hook, modes

KerasHook = SessionHook = EstimatorHook = Hook

__all__ = [
    "CollectionKeys",
    "EstimatorHook",
    "Hook",
    "KerasHook",
    "ReductionConfig",
    "SaveConfig",
    "SaveConfigMode",
    "SessionHook",
    "get_hook",
    "modes",
]
