"""The HTTP API: who may ask, the way of a command, and what may be read."""
