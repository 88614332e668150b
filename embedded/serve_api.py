"""The API's process: ``python -m embedded.serve_api``; everything else by environment."""

import logging
import os
import sys

import uvicorn

from settings import settings

GRACE_SECONDS = 5
"""How long requests under way, event streams among them, may take once told to stop."""


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    config = settings()
    server = uvicorn.Server(
        uvicorn.Config(
            "api.app:create_app",
            factory=True,
            host=config.api_host,
            port=config.api_port,
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
        )
    )
    status = 1
    try:
        server.run()
        status = 0 if server.started else 3
    except KeyboardInterrupt:
        status = 0
    except Exception:
        logging.exception("the API failed")
    finally:
        # The SDK's runtime may not survive the interpreter's finalisation.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
