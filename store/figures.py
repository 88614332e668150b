"""How long it takes until a body is told and until it answers, from the read model of notices."""

from dataclasses import dataclass
from datetime import datetime

from store.pool import Pool, connection

QUANTILES = (0.5, 0.9, 1.0)
"""Median, nine in ten, and the slowest."""

_SPANS = {
    "first": "EXTRACT(epoch FROM told - opened)",
    "answered": "EXTRACT(epoch FROM acknowledged - opened)",
    "replied": "EXTRACT(epoch FROM acknowledged - queued)",
}
# Every word of the statement stands in this module; values go as arguments.
_FIGURES = (
    "SELECT body, count(*)::int AS notices,"  # noqa: S608
    " count(*) FILTER (WHERE unanswered)::int AS unanswered,"
    " count(acknowledged)::int AS acknowledged,"
    " count(*) FILTER (WHERE refused)::int AS refused,"
    " count(*) FILTER (WHERE status = 'failed')::int AS failed, "
    + ", ".join(
        f"count({span})::int AS {name}_count,"
        f" percentile_cont($4::float[]) WITHIN GROUP (ORDER BY {span}) AS {name}"
        for name, span in _SPANS.items()
    )
    + " FROM (SELECT *,"
    # Of each incident only the moment counts at which the body was first told anything.
    " CASE WHEN row_number() OVER (PARTITION BY incident, body ORDER BY accepted, notice) = 1"
    " THEN accepted END AS told FROM notice"
    " WHERE ($1::timestamptz IS NULL OR opened >= $1)"
    " AND ($2::timestamptz IS NULL OR opened < $2)"
    " AND ($3::boolean IS NULL OR statutory = $3)) AS chosen GROUP BY body ORDER BY body"
)


@dataclass(frozen=True)
class Spread:
    """How many were measured, and their spread in seconds."""

    count: int
    median: float
    p90: float
    max: float


@dataclass(frozen=True)
class BodyFigures:
    """One body: how many notices it got and how it answered.

    ``first`` runs from the incident's intake to the first notice that a provider accepted, once
    an incident; ``answered`` from the intake to each acknowledgement, ``replied`` from when
    that notice was queued. A refusal is an answer.
    """

    body: str
    notices: int
    unanswered: int
    acknowledged: int
    refused: int
    failed: int
    first: Spread | None
    answered: Spread | None
    replied: Spread | None


async def notice_figures(
    pool: Pool,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    statutory: bool | None = None,
) -> list[BodyFigures]:
    """The figures of each body that was told anything, by its id.

    Args:
        since: only incidents whose first report was received then or later.
        until: only those received before.
        statutory: only notices that are, or are not, of the statute.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(_FIGURES, since, until, statutory, list(QUANTILES))
    return [
        BodyFigures(
            row["body"],
            row["notices"],
            row["unanswered"],
            row["acknowledged"],
            row["refused"],
            row["failed"],
            *(
                Spread(row[f"{name}_count"], *row[name]) if row[f"{name}_count"] else None
                for name in _SPANS
            ),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Gauges:
    """What a scrape asks for: counts alone, by the labels that the fields name."""

    notices: list[tuple[str, str, int]]
    """Body, state, how many."""
    unanswered: list[tuple[str, bool, int]]
    """Body, statutory, how many."""
    overdue: dict[str, int]
    """Open clocks past due, by kind."""


async def gauges(pool: Pool, now: datetime) -> Gauges:
    """Counts at ``now``, the space's time.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        notices = await conn.fetch(
            "SELECT body, CASE WHEN refused THEN 'refused'"
            " WHEN acknowledged IS NOT NULL THEN 'acknowledged'"
            " WHEN ended IS NOT NULL THEN ended"
            " WHEN delivered IS NOT NULL THEN 'delivered' ELSE status END AS state,"
            " count(*)::int FROM notice GROUP BY 1, 2 ORDER BY 1, 2"
        )
        unanswered = await conn.fetch(
            "SELECT body, statutory, count(*)::int FROM notice WHERE unanswered"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
        [clocks] = await conn.fetch(
            "SELECT coalesce(sum((SELECT count(*) FROM unnest(dues) AS one WHERE one <= $1)), 0)"
            "::int, coalesce(sum((SELECT count(*) FROM unnest(statutory_dues) AS one"
            " WHERE one <= $1)), 0)::int FROM board WHERE due <= $1",
            now,
        )
    every, statutory = clocks
    return Gauges(
        notices=[tuple(row) for row in notices],
        unanswered=[tuple(row) for row in unanswered],
        overdue={"statutory": statutory, "internal": every - statutory},
    )
