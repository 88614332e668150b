"""The rules of the plan: pure, deterministic, no I/O, no clock of their own."""
