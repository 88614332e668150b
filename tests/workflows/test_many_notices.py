"""Twenty departments, fifty incidents at once, a mail server that is busy now and then."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from temporalio.client import Client

from domain.base import Text
from domain.incident.commands import ReleasePack
from domain.plan import Pack, PackItem
from store.pool import Pool
from tests.activities.conftest import Postbox, postbox
from tests.workflows.conftest import opening
from tests.workflows.harness import PLAN, IncidentDriver, directory_of, number, working

__all__ = ["postbox"]

DEPARTMENTS = [b.id for b in PLAN.bodies if b.duties and b.tier == "county"][-20:]
INCIDENTS = 50
TO_ALL = Pack(
    id="to-all",
    name=Text(zh="全部", en="everybody"),
    clause="4.6.2",
    items=tuple(
        PackItem(id=body, clause="4.6.2", text=Text(zh="核实", en="check"), owner=body)
        for body in DEPARTMENTS
    ),
)
assert PLAN.escalation is not None
AT_ONCE = PLAN.model_copy(
    update={
        "packs": (*PLAN.packs, TO_ALL),
        # Nothing is gathered: the fifty incidents shall send at the same time.
        "escalation": PLAN.escalation.model_copy(update={"gather": timedelta()}),
    }
)


async def test_every_notice_of_fifty_incidents_to_twenty_departments_is_accounted_for(
    temporal_client: Client, pool: Pool, postbox: Postbox
) -> None:
    assert len(DEPARTMENTS) == 20
    people = directory_of({b: {"duty_phone": f"{b}@county.invalid"} for b in DEPARTMENTS})
    # Every seventh mail is put off, every fiftieth gets lost on its way back.
    postbox.answers = [
        "lost" if n % 50 == 0 else "451 busy" if n % 7 == 0 else "250 accepted"
        for n in range(1, 700)
    ]
    queue = f"q-many-{number()}"
    mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": postbox.port}
    incidents = [
        IncidentDriver(temporal_client, pool, number(), plan=AT_ONCE, queue=queue)
        for _ in range(INCIDENTS)
    ]
    room = asyncio.Semaphore(10)

    async def begin(incident: IncidentDriver) -> None:
        async with room:
            await incident.start(opening(incident.number))
            await incident.send(ReleasePack(pack=TO_ALL.id), "command-office")

    async with working(temporal_client, pool, queue, directory=people, **mail):
        await asyncio.gather(*(begin(incident) for incident in incidents))
        for incident in incidents:
            await incident.settled(240)
        wanted: Counter[tuple[str, str]] = Counter()
        for incident in incidents:
            state = await incident.state()
            assert state.messages == {}
            assert not {call.recipient for call in state.open_calls} & set(DEPARTMENTS)
            for notice in state.notices.values():
                if notice.recipient in DEPARTMENTS:
                    assert notice.status == "accepted", notice
                    assert set(notice.channels) == {"inbox", "mail"}, notice
                    wanted[incident.number, notice.id] += 1
                else:
                    assert notice.status == "posted", notice

    assert len(wanted) >= INCIDENTS * 20
    listed: Counter[tuple[str, str]] = Counter()
    seen: set[str] = set()
    for received in postbox.mails:
        if received["Message-ID"] in seen:
            continue  # a copy: its acceptance was lost
        seen.add(received["Message-ID"])
        source, text = received["X-Yaoan-Key"].split(":")[0], received.get_content()
        assert received["To"].split("@")[0] in received["X-Yaoan-Key"]
        for name, told in wanted:
            if name == source and f"（通知{told}）" in text:
                listed[name, told] += 1
    assert listed == wanted, "each notice in one message, none in two"
    copies = len(postbox.mails) - len(seen)
    assert 0 < copies <= 14
