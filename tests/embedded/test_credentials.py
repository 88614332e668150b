"""One token for each seat, readable by its owner alone."""

import hashlib
import json
from pathlib import Path

import pytest

from embedded.credentials import ensure_credentials
from embedded.problem import Problem

SEATS = [("duty", "msa"), ("office", "msa"), ("health", "health")]


def test_every_seat_has_a_token_of_its_own(tmp_path: Path) -> None:
    made = ensure_credentials(tmp_path, SEATS)
    assert [(one.seat, one.body) for one in made] == SEATS
    assert len({one.token for one in made}) == len(SEATS)
    for one in made:
        assert one.token.startswith("yaoan_")
        assert len(one.token) == len("yaoan_") + 43
        assert one.digest == hashlib.sha256(one.token.encode()).hexdigest()
    path = tmp_path / "credentials.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(path.read_text())["credentials"]) == len(SEATS)


def test_tokens_stay_and_new_seats_join(tmp_path: Path) -> None:
    before = ensure_credentials(tmp_path, SEATS)
    path = tmp_path / "credentials.json"
    path.chmod(0o644)
    after = ensure_credentials(tmp_path, [("observer", "msa"), *SEATS])
    assert after[1:] == before
    assert after[0].seat == "observer"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_seat_that_left_the_plan_is_not_returned(tmp_path: Path) -> None:
    ensure_credentials(tmp_path, SEATS)
    assert [one.seat for one in ensure_credentials(tmp_path, SEATS[:1])] == ["duty"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"credentials": [{"seat": "duty"}]}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "credentials.json").write_text(content)
    with pytest.raises(Problem, match=r"credentials\.json is damaged"):
        ensure_credentials(tmp_path, SEATS)
