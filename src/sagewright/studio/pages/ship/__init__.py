"""Pages of what is shipped and watched: models, endpoints, functions, alarms, logs. Imports no page of `develop`."""
