"""Personal data go to the vault alone, are read for a reason, and can be destroyed."""

import json
import logging
from typing import Any

import asyncpg
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from store.pool import Pool
from tests.api.driver import Api, key, refused
from tests.conftest import Database

NAME, PHONE, IDENTITY = "欧阳测试", "13912345678", "370322196501011230"
PERSON = {"name": NAME, "phone": PHONE, "id_number": IDENTITY, "age": 61}


async def registered(api: Api, incident: str, **more: Any) -> str:
    """Register a victim; the reference."""
    before = set((await api.state(incident))["persons"])
    await api.do(incident, "persons", {"person": PERSON}, **more)
    (reference,) = set((await api.state(incident))["persons"]) - before
    return str(reference)


@pytest.mark.clause("3.2.3(1)")
async def test_a_victims_data_are_read_for_a_reason_and_the_reading_is_kept(api: Api) -> None:
    incident = await api.open(caller={"kind": "hospital", "name": "来电人", "number": "0533-2"})
    reference = await registered(api, incident)
    refused(await api.get(f"/incidents/{incident}/persons"), 422, "malformed")
    found = await api.get(
        f"/incidents/{incident}/persons",
        params={"reason": "回访患者"},
        headers={"X-Person": "%E7%8E%8B%E4%BA%94"},
    )
    by_kind = {person["kind"]: person for person in found.json()}
    assert by_kind["victim"]["data"] == PERSON
    assert by_kind["caller"]["data"] == {"name": "来电人", "number": "0533-2"}
    one = await api.get(f"/incidents/{incident}/persons/{reference}", params={"reason": "回访患者"})
    assert one.json()["data"]["name"] == NAME
    readings = (await api.get("/audit/readings", params={"incident": incident})).json()
    assert {reading["reference"] for reading in readings} >= {reference}
    assert {reading["reason"] for reading in readings} == {"回访患者"}
    assert "王五" in {reading["person"] for reading in readings}
    absent = await api.get(f"/incidents/{incident}/persons/p-0", params={"reason": "回访患者"})
    refused(absent, 404, "no_person")


async def test_the_same_registration_again_registers_one_person(api: Api) -> None:
    incident, again = await api.open(), key()
    first = await api.do(incident, "persons", {"person": PERSON}, key=again)
    second = await api.do(incident, "persons", {"person": PERSON}, key=again)
    assert first == second
    assert len((await api.state(incident))["persons"]) == 1
    other = {"person": {**PERSON, "name": "另一人"}}
    refused(
        await api.post(f"/incidents/{incident}/persons", other, key=again), 409, "request_reused"
    )


@pytest.mark.clause("突发事件应对法 83")
async def test_who_has_no_part_in_it_reads_no_personal_data(api: Api) -> None:
    incident = await api.open()
    reference = await registered(api, incident)
    for seat in ("observer", "county-culture", "expert", "administrator"):
        for path in ("", f"/{reference}"):
            answer = await api.get(
                f"/incidents/{incident}/persons{path}", seat, params={"reason": "看看"}
            )
            problem = refused(answer, 403, "no_access_to_persons")
            assert problem["clause"] == "突发事件应对法 83"
            kept = (await api.get("/audit/refusals", params={"incident": incident})).json()[0]
            assert (kept["seat"], kept["command"]) == (seat, "read_persons")
    # Health has a task of early handling: it treats the patients (6.3).
    answer = await api.get(
        f"/incidents/{incident}/persons", "county-health", params={"reason": "救治"}
    )
    assert answer.status_code == 200


async def test_a_refused_registration_stores_nothing(api: Api, postgres: Database) -> None:
    incident = await api.open()
    answer = await api.post(f"/incidents/{incident}/persons", {"person": PERSON}, "county-culture")
    refused(answer, 403, "no_authority")
    conn = await asyncpg.connect(postgres.superuser_url)
    rows = await conn.fetchval(
        "SELECT count(*) FROM incidents.vault_person WHERE incident = $1", incident
    )
    await conn.close()
    assert rows == 0


@pytest.mark.clause("突发事件应对法 85")
async def test_personal_data_are_destroyed_only_after_the_end(api: Api) -> None:
    incident = await api.open(caller={"kind": "hospital", "name": "来电人", "number": "0533-2"})
    reference = await registered(api, incident)
    body = {"decider": "county-msa"}
    refused(await api.post(f"/incidents/{incident}/purge-persons", body), 409, "wrong_phase")
    await api.do(incident, "dismiss", {"decider": "county-msa", "reasons": "与药品无关"})
    again = key()
    first = await api.do(incident, "purge-persons", body, key=again)
    found = await api.get(f"/incidents/{incident}/persons", params={"reason": "核对"})
    assert {(person["purged"], person["data"]) for person in found.json()} == {(True, None)}
    one = await api.get(f"/incidents/{incident}/persons/{reference}", params={"reason": "核对"})
    refused(one, 410, "purged")
    assert (await api.state(incident))["purged"]
    assert await api.do(incident, "purge-persons", body, key=again) == first


async def test_a_planted_name_is_found_nowhere_but_in_the_vault(
    api: Api,
    temporal_client: Client,
    pool: Pool,
    postgres: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    incident = await api.open(
        caller={"kind": "hospital", "unit": "第三人民医院", "name": NAME, "number": PHONE},
        people=f"患者身份证{IDENTITY}，电话{PHONE}",
    )
    await registered(api, incident)
    refused(
        await api.post(
            f"/incidents/{incident}/verify",
            {"decider": "county-msa", "outcome": "pending", "text": f"联系{PHONE}"},
        ),
        422,
        "personal_data",
    )
    secrets = (NAME, PHONE, IDENTITY)
    history = await temporal_client.get_workflow_handle(incident).fetch_history()
    described = await temporal_client.get_workflow_handle(incident).describe()
    places = {
        "history": "".join(map(_plain, history.events)),
        "memo": json.dumps(dict(await described.memo()), ensure_ascii=False),
        "search attributes": str(described.typed_search_attributes),
        "summary": f"{await described.static_summary()} {await described.static_details()}",
        "list": (await api.get("/incidents", params={"limit": 200})).text,
        "incident": (await api.get(f"/incidents/{incident}")).text,
        "events": (await api.get(f"/incidents/{incident}/events", params={"limit": 200})).text,
        "call sheet": (await api.get(f"/incidents/{incident}/call-sheet")).text,
        "inbox": (await api.get("/inbox", "county-health", params={"limit": 200})).text,
        "log": caplog.text,
    }
    conn = await asyncpg.connect(postgres.superuser_url)
    for table in await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'incidents'"):
        rows = await conn.fetch(f'SELECT * FROM incidents."{table[0]}"')
        places[f"table {table[0]}"] = "".join(_text(value) for row in rows for value in row)
    await conn.close()
    assert len(places["history"]) > 1000
    found = [
        (place, secret) for place, text in places.items() for secret in secrets if secret in text
    ]
    assert found == []


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _plain(message: Any) -> str:
    """Every payload within a protobuf message, readable."""
    parts: list[str] = []

    def walk(inner: Any) -> None:
        if isinstance(inner, Payload):
            parts.append(inner.data.decode(errors="replace"))
        elif hasattr(inner, "ListFields"):
            for _, value in inner.ListFields():
                walk(value)
        elif isinstance(inner, str):
            parts.append(inner)
        elif hasattr(inner, "items"):
            for name, value in inner.items():
                parts.append(str(name))
                walk(value)
        elif hasattr(inner, "__iter__") and not isinstance(inner, bytes):
            for value in inner:
                walk(value)

    walk(message)
    return "\n".join(parts)
