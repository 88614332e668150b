"""The heads of all chains, to be kept elsewhere: with them a cut-off tail shows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from store.pool import Pool, connection, schema_of

FORMAT = "yaoan-heads/1"


@dataclass(frozen=True)
class Heads:
    """Of each incident the last sequence and the hash there, in one space."""

    space: str
    heads: Mapping[str, tuple[int, str]]

    def to_json(self) -> str:
        """As it is kept and printed: one incident a line, in order, so that two can be compared."""
        rows = [
            f"    {json.dumps(incident, ensure_ascii=False)}: {json.dumps([seq, head])}"
            for incident, (seq, head) in sorted(self.heads.items())
        ]
        body = "{\n" + ",\n".join(rows) + "\n  }" if rows else "{}"
        return (
            f'{{\n  "format": {json.dumps(FORMAT)},\n  "space": {json.dumps(self.space)},\n'
            f'  "heads": {body}\n}}\n'
        )

    @classmethod
    def from_json(cls, text: str) -> "Heads":
        """Heads that were exported before.

        Raises:
            ValueError: it is no such list.
        """
        content: Any = json.loads(text)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("this is no list of heads that `yaoan heads` wrote")
        try:
            heads = {str(one): (int(seq), str(at)) for one, (seq, at) in content["heads"].items()}
            return cls(str(content["space"]), heads)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the list of heads is damaged: {error}") from error


async def export_heads(pool: Pool) -> Heads:
    """The heads of every chain on record, from the events themselves.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        space = await schema_of(conn)
        rows = await conn.fetch(
            "SELECT DISTINCT ON (incident) incident, seq, hash FROM event"
            " ORDER BY incident, seq DESC"
        )
    return Heads(space, {row["incident"]: (row["seq"], row["hash"]) for row in rows})
