"""Pages for releasing and watching: models, endpoints, functions, alarms, logs. Imports no page of `develop`."""
