"""The plans that incidents were started under, as rows; an incident keeps its own to the end."""

from domain.plan import Plan, plan_bytes, plan_digest
from store.errors import NotFound
from store.pool import Conn

_KNOWN_MOST = 64
_known: dict[str, Plan] = {}
"""Plans read once: a digest always names the same plan."""


def _remember(named: str, plan: Plan) -> Plan:
    if len(_known) >= _KNOWN_MOST:
        _known.clear()
    _known[named] = plan
    return plan


async def put_plan(conn: Conn, plan: Plan) -> str:
    """Keep ``plan``, once, and return its digest."""
    body = plan_bytes(plan)
    named = plan_digest(plan)
    await conn.execute(
        "INSERT INTO plan (digest, id, version, body) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (digest) DO NOTHING",
        named,
        plan.id,
        plan.version,
        body,
    )
    return named


async def plan_of(conn: Conn, named: str) -> Plan:
    """The plan with the digest ``named``.

    Raises:
        NotFound: no incident was started under such a plan.
    """
    if named in _known:
        return _known[named]
    body = await conn.fetchval("SELECT body FROM plan WHERE digest = $1", named)
    if body is None:
        raise NotFound(f"no plan with digest {named} is on record")
    return _remember(named, Plan.model_validate_json(body))
