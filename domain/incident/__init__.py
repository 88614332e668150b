"""One incident: commands in, events out, state as the fold of events."""
