"""The training of a network: epochs, optimizers, schedules, checkpoints and several devices. Imports weights, no network."""
