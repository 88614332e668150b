"""``yaoan directory`` as an operator runs it, on a database that runs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.directory import Contact
from store.directory import load, record_trial
from store.directory_changes import list_changes
from store.pool import Pool, open_pool
from tests.activities.conftest import Postbox, postbox
from tests.commands.test_record import Ended, yaoan
from tests.conftest import Clone, Database
from tests.workflows.harness import PLAN

__all__ = ["postbox"]

TABLE = """\
单位,编号,职务,姓名,电话
县卫生健康局,h-1,值班员,李四,0533-6961234
县公安局,p-1,值班电话,,110
"""


@pytest.fixture
async def postgres(clone_database: Clone) -> Database:
    """A database for each test."""
    return await clone_database()


@pytest.fixture
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    """The application's pool on it."""
    opened = await open_pool(postgres.application_url, postgres.space)
    yield opened
    opened.terminate()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table as Excel saves it."""
    file = tmp_path / "通讯录.csv"
    file.write_bytes(TABLE.encode("gb18030"))
    return file


async def directory(postgres: Database, *arguments: str) -> Ended:
    """Run ``yaoan directory``."""
    return await yaoan("directory", *arguments, YAOAN_DATABASE_URL=postgres.application_url)


async def test_contacts_go_in_and_come_out_as_they_were(
    postgres: Database, pool: Pool, table: Path
) -> None:
    tried = await directory(postgres, "import", str(table), "--dry-run")
    assert (tried.status, tried.out, tried.err) == (0, "2 contacts read, 0 new or changed\n", "")
    assert (await load(pool)).contacts == ()

    taken = await directory(postgres, "import", str(table), "--person", "张三")
    assert (taken.status, taken.out) == (0, "2 contacts read, 2 new or changed\n")
    held = (await load(pool)).contacts
    assert [(one.body, one.id) for one in held] == [
        ("county-health", "h-1"),
        ("county-police", "p-1"),
    ]
    assert {(one.seat, one.person) for one in await list_changes(pool)} == {
        ("yaoan directory", "张三")
    }

    exported = await directory(postgres, "export")
    assert exported.status == 0
    again = table.with_name("again.csv")
    again.write_bytes(exported.out.encode())
    taken = await directory(postgres, "import", str(again))
    assert (taken.status, taken.out) == (0, "2 contacts read, 0 new or changed\n")
    assert (await load(pool)).contacts == held


async def test_a_faulty_table_is_named_row_by_row_and_takes_nothing(
    postgres: Database, pool: Pool, table: Path
) -> None:
    table.write_text(TABLE.replace("县公安局", "县公安据").replace("110", "call"))
    ended = await directory(postgres, "import", str(table))
    assert (ended.status, ended.out) == (1, "")
    lines = ended.err.splitlines()
    assert lines[0].startswith(f"{table}:3: 电话: 不是电话号码")
    assert lines[1].startswith(f"{table}:3: 单位: 预案中没有单位“县公安据”，是否为“县公安局”？")
    assert "did you mean '县公安局'?" in lines[1]
    assert lines[2] == f"{table}: 2 faults, nothing was taken"
    assert (await load(pool)).contacts == ()


async def test_a_roster_is_taken_whole_or_not_at_all(
    postgres: Database, pool: Pool, table: Path
) -> None:
    await directory(postgres, "import", str(table))
    header = "单位,值班人,开始,结束\n"
    table.write_text(header + "县卫生健康局,李四,2026-03-02 08:00,2026-03-02 07:00\n")
    ended = await directory(postgres, "roster", str(table))
    assert ended.status == 1
    assert f"{table}:2: 结束: " in ended.err
    table.write_text(header + "县卫生健康局,李四,2026-03-02 08:00,2026-03-03 08:00\n")
    tried = await directory(postgres, "roster", str(table), "--dry-run")
    assert (tried.status, tried.out) == (0, "1 shifts read, none taken\n")
    assert (await load(pool)).shifts == ()
    taken = await directory(postgres, "roster", str(table))
    assert (taken.status, taken.out) == (0, "1 shifts read, all taken\n")
    (shift,) = (await load(pool)).shifts
    assert shift.starts == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.clause("6.4")
async def test_the_check_names_who_cannot_be_reached_and_is_silent_about_the_others(
    postgres: Database, pool: Pool, table: Path
) -> None:
    ended = await directory(postgres, "check")
    assert ended.status == 1
    county = [body for body in PLAN.bodies if body.tier == "county"]
    lines = ended.out.splitlines()
    assert len(lines) == len(county) + 3
    assert lines[0].startswith("county-government  no_contact  县政府：通讯录中没有联系人")
    assert "County government: the directory has no contact" in lines[0]
    assert any(line.startswith("city-msa  no_number  市市场监管局：") for line in lines)

    rows = [
        f"{body.id},c-{place},值班电话,0533-6961{place:03}"
        for place, body in enumerate(PLAN.bodies)
    ]
    table.write_text("body,id,role,phone\n" + "\n".join(rows))
    assert (await directory(postgres, "import", str(table))).status == 0
    untried = await directory(postgres, "check")
    assert {line.split("  ")[1] for line in untried.out.splitlines()} == {"never_tested"}
    for contact in await contacts(pool):
        await record_trial(pool, contact.id, "phone", datetime.now(UTC), True)
    well = await directory(postgres, "check")
    assert (well.status, well.out) == (0, "都能联系上。 every body can be reached\n")


async def contacts(pool: Pool) -> tuple[Contact, ...]:
    """Everybody in the directory."""
    return (await load(pool)).contacts


async def test_what_cannot_be_told_is_one_sentence_and_no_verdict(
    postgres: Database, tmp_path: Path
) -> None:
    gone = "postgresql://yaoan_app@127.0.0.1:1/yaoan"
    broken = tmp_path / "plan.yaml"
    broken.write_text("id: x\n")
    url = postgres.application_url
    for ended, words in [
        (await yaoan("directory", "check", YAOAN_DATABASE_URL=gone), "PostgreSQL is unavailable"),
        (await yaoan("directory", "check", "--data", str(tmp_path)), "no stack runs on"),
        (
            await yaoan("directory", "check", YAOAN_DATABASE_URL=url, YAOAN_PLAN_FILE=str(broken)),
            "run `yaoan plan check`",
        ),
        (await directory(postgres, "import", str(tmp_path / "none.csv")), "No such file"),
    ]:
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith("yaoan: ")
        assert words in ended.err
        assert ended.err.count("\n") == 1


@pytest.mark.clause("6.4")
async def test_every_contact_is_tried_and_the_check_knows(
    postgres: Database, pool: Pool, tmp_path: Path, postbox: Postbox
) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(
        "单位,编号,职务,邮箱\n县卫生健康局,h-1,值班员,h@county.invalid\n"
        "县公安局,p-1,值班员,p@county.invalid\n",
        encoding="utf-8",
    )
    await directory(postgres, "import", str(file))
    settings = {
        "YAOAN_DATABASE_URL": postgres.application_url,
        "YAOAN_SMTP_HOST": "127.0.0.1",
        "YAOAN_SMTP_PORT": str(postbox.port),
    }
    postbox.answers = ["550 h@county.invalid is unknown"]

    tried = await yaoan("directory", "test", **settings)

    assert tried.status == 1
    assert tried.out.splitlines() == [
        "county-health  h-1  mail  the mail server answered 550",
        "county-police  p-1  mail  accepted",
    ]
    (mail,) = postbox.mails
    assert "联络测试" in mail["Subject"]
    assert "不是事件通知" in mail.get_content()
    checked = (await yaoan("directory", "check", **settings)).out
    assert "county-health  trial_failed" in checked
    assert "county-police" not in checked
    again = await yaoan("directory", "test", "county-health", **settings)
    assert (again.status, len(postbox.mails)) == (0, 2)
    nobody = await yaoan("directory", "test", "county-nowhere", **settings)
    assert (nobody.status, "county-nowhere" in nobody.err) == (2, True)
    superior = await yaoan("directory", "test", "city-msa", **settings)
    assert (superior.status, "not of the county" in superior.err) == (2, True)
