"""The direction of imports is held by a contract of our own; here it is shown to fail."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

CONFIGURATION = """
[importlinter]
root_packages =
    rules
    shell
include_external_packages = True
contract_types =
    only: tests.contracts.only.OnlyContract

[importlinter:contract:1]
name = rules import the standard library and pydantic alone
type = only
modules =
    rules
allowed =
    pydantic
standard_library = True

[importlinter:contract:2]
name = shell knows the rules by their names
type = only
modules =
    shell
within = rules
allowed =
    rules.names
"""


@pytest.mark.parametrize(
    ("rules", "shell", "complaint"),
    [
        ("import json\nimport pydantic\n", "import asyncpg\nfrom rules import names\n", None),
        ("import asyncpg\n", "", "rules imports asyncpg"),
        ("def late():\n    import shell\n", "", "rules imports shell"),
        ("", "import rules.secret\n", "shell imports rules.secret"),
    ],
)
def test_names_every_import_that_is_one_too_many(
    tmp_path: Path, rules: str, shell: str, complaint: str | None
) -> None:
    for package, source in (("rules", rules), ("shell", shell)):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(source)
    (tmp_path / "rules" / "names.py").touch()
    (tmp_path / "rules" / "secret.py").touch()
    (tmp_path / "imports.ini").write_text(CONFIGURATION)
    done = subprocess.run(
        [str(LINT), "--config", "imports.ini", "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if complaint is None else 1), done.stdout + done.stderr
    assert complaint is None or complaint in done.stdout
