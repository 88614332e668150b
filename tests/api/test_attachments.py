"""Files: judged by their content, limited in size, kept encrypted, named by their hash (E7)."""

import hashlib
import json
from typing import Any

import asyncpg
import httpx
import pytest

from tests.api.driver import Api, key, refused
from tests.conftest import Database

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
PDF = b"%PDF-1.7\n" + "签发稿".encode() * 20


async def upload(
    api: Api, incident: str, data: bytes, seat: str = "duty", **fields: Any
) -> httpx.Response:
    """Send a file as a form does."""
    again = fields.pop("key", key())
    name = fields.pop("filename", "欧阳测试的身份证.png")
    return await api.client.post(
        f"/api/v1/incidents/{incident}/attachments",
        headers=api.headers(seat) | {"Idempotency-Key": again},
        files={"file": (name, data, "text/html")},
        data=fields,
    )


async def test_a_file_comes_back_as_it_was(api: Api) -> None:
    incident = await api.open()
    by = {"decider": "county-msa", "means": "fax"}
    answer = await upload(api, incident, PNG, title="现场照片", attribution=json.dumps(by))
    assert answer.status_code == 200, answer.text
    await api.on_record(incident, answer.json()["receipt"]["last"])
    (listed,) = (await api.get(f"/incidents/{incident}/attachments")).json()
    sha256 = hashlib.sha256(PNG).hexdigest()
    assert listed["sha256"] == sha256
    assert (listed["media_type"], listed["size"]) == ("image/png", len(PNG))
    assert listed["title"] == "现场照片"
    found = await api.get(f"/incidents/{incident}/attachments/{sha256}")
    assert found.content == PNG
    assert found.headers["Content-Type"] == "image/png"
    assert found.headers["Content-Disposition"].startswith("attachment;")
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.headers["Cache-Control"] == "no-store"
    readings = (await api.get("/audit/readings", params={"incident": incident})).json()
    assert sha256 in readings[0]["reference"]
    events = (await api.get(f"/incidents/{incident}/events", params={"limit": 200})).text
    assert "欧阳测试" not in events, "a file's own name may be a person's"


async def test_a_file_is_evidence_of_a_decision(api: Api) -> None:
    incident = await api.open()
    await upload(api, incident, PDF, title="签发稿")
    body = {
        "decider": "county-msa",
        "means": "written_instruction",
        "outcome": "confirmed",
        "text": "属实",
        "evidence": [hashlib.sha256(PDF).hexdigest()],
    }
    await api.do(incident, "verify", body)


async def test_it_lies_encrypted(api: Api, postgres: Database) -> None:
    incident = await api.open()
    assert (await upload(api, incident, PDF)).status_code == 200
    conn = await asyncpg.connect(postgres.superuser_url)
    row = await conn.fetchrow("SELECT * FROM incidents.attachment WHERE incident = $1", incident)
    await conn.close()
    assert row is not None
    assert not any(isinstance(value, bytes) and b"PDF" in value for value in row.values())


async def test_the_same_upload_again_changes_nothing(api: Api) -> None:
    incident, again = await api.open(), key()
    first = await upload(api, incident, PNG, key=again)
    second = await upload(api, incident, PNG, key=again)
    assert second.json() == first.json()
    refused(await upload(api, incident, PNG), 409, "already_attached")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "malformed"),
        (b"\x00\x01\x02\x03 nothing known", 415, "unsupported_media"),
        (b"MZ\x90\x00 a program", 415, "unsupported_media"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200_001), 413, "too_large"),
        (b"\x89PNG\r\n\x1a\n" + bytes(2_000_000), 413, "too_large"),
    ],
)
async def test_what_is_no_accepted_file_is_refused(
    api: Api, data: bytes, status: int, code: str
) -> None:
    incident = await api.open()
    refused(await upload(api, incident, data), status, code)
    assert (await api.get(f"/incidents/{incident}/attachments")).json() == []


async def test_a_stream_without_a_length_is_cut_at_the_limit(api: Api) -> None:
    incident = await api.open()

    async def body() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        for _ in range(1000):
            yield b"\x89PNG" + bytes(9_996)

    headers = api.headers("duty") | {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await api.client.post(
        f"/api/v1/incidents/{incident}/attachments", headers=headers, content=body()
    )
    refused(answer, 413, "too_large")


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"nonsense", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nt\r\n--x--\r\n',
            422,
        ),
    ],
)
async def test_a_broken_form_is_called_so(
    api: Api, content_type: str, content: bytes, status: int
) -> None:
    incident = await api.open()
    headers = api.headers("duty") | {"Content-Type": content_type}
    answer = await api.client.post(
        f"/api/v1/incidents/{incident}/attachments", headers=headers, content=content
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_wrong_attribution_names_its_field(api: Api) -> None:
    incident = await api.open()
    problem = refused(
        await upload(api, incident, PNG, attribution='{"deciderr": 1}'), 422, "malformed"
    )
    assert problem["errors"][0]["field"] == "deciderr"
    refused(await upload(api, incident, PNG, attribution="{"), 422, "malformed")


async def test_who_only_looks_on_gets_no_file(api: Api) -> None:
    incident = await api.open()
    await upload(api, incident, PNG)
    path = f"/incidents/{incident}/attachments/{hashlib.sha256(PNG).hexdigest()}"
    refused(await api.get(path, "observer"), 403, "no_access_to_files")
    refused(await api.get(f"/incidents/{incident}/attachments/{'0' * 64}"), 404, "not_found")


@pytest.mark.clause("突发事件应对法 85")
async def test_files_are_destroyed_with_the_people_only_when_asked_for(api: Api) -> None:
    incident = await api.open()
    answer = await upload(api, incident, PNG, title="病历照片")
    await api.on_record(incident, answer.json()["receipt"]["last"])
    sha256 = hashlib.sha256(PNG).hexdigest()
    await api.do(incident, "dismiss", {"decider": "county-msa", "reasons": "与药品无关"})
    # Evidence may be kept (85), so the people alone are the default.
    await api.do(incident, "purge-persons", {"decider": "county-msa"})
    where = f"/incidents/{incident}/attachments/{sha256}"
    assert (await api.get(where)).content == PNG
    await api.do(incident, "purge-persons", {"decider": "county-msa", "files": True})
    refused(await api.get(where), 410, "purged")
