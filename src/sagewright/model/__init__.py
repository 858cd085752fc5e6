"""What every layer may know: names, states, errors, settings. Imports nothing else of ours."""
