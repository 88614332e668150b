"""All the I/O that a workflow asks for, behind the names in ``workflows.contracts``."""
