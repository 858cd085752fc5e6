"""Steps of a user's code. It runs where the flow runs: inside a job or a session, never in the server."""
