"""Bring a space's schema to the newest version with dbmate."""

import asyncio
import os
from pathlib import Path

from embedded.problem import Problem

MIGRATIONS = Path(__file__).resolve().parent.parent / "store" / "migrations"


async def migrate(dbmate: Path, url: str, space: str, log: Path) -> None:
    """Apply the migrations that the schema ``space`` lacks, as the role in ``url``.

    dbmate keeps its own table in the same schema and holds a lock meanwhile. Raises
    ``Problem`` when a migration fails; what it said is in ``log``.
    """
    if not any(MIGRATIONS.glob("*.sql")):
        raise Problem(f"There is no migration in {MIGRATIONS}: the checkout is not complete.")
    separator = "&" if "?" in url else "?"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            str(dbmate),
            "--migrations-dir",
            str(MIGRATIONS),
            "--migrations-table",
            f"{space}.schema_migrations",
            "--migration-lock",
            "--no-dump-schema",
            "migrate",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # By environment, not by argument: arguments are seen by everyone.
            env={"PATH": os.defpath, "DATABASE_URL": f"{url}{separator}sslmode=disable"},
            cwd="/",
            start_new_session=True,
        )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            # Each migration is one transaction: what is under way is rolled back.
            process.kill()
            await process.wait()
            raise
    if status != 0:
        words = log.read_text(errors="replace").strip().splitlines()
        raise Problem(
            f"The database could not be migrated: “{words[-1] if words else 'no message'}”; "
            f"all that dbmate said is in {log}."
        )
