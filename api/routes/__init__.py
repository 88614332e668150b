"""One module per slice of the API; each builds its router for a space."""
