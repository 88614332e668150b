"""The subcommands of ``yaoan`` that need no server."""
