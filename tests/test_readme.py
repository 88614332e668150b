"""The README's tour, run as it stands: what a newcomer copies must work."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.embedded.running import Running

ROOT = Path(__file__).resolve().parent.parent


def tour() -> str:
    """Every block of the README that is meant for a shell."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) > 8
    return "set -euo pipefail\n" + "\n".join(blocks)


@pytest.mark.clause("4.4", "4.6.1", "4.6.4")
def test_a_newcomer_takes_the_tour(tmp_path: Path) -> None:
    stack = Running(tmp_path / "data")
    try:
        stack.ready()
        shell = subprocess.run(
            ["/bin/bash", "-c", tour()],
            cwd=ROOT,
            env={**os.environ, "API": f"{stack.api}/api/v1", "YAOAN_DATA": str(stack.data)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert shell.returncode == 0, shell.stdout[-3000:] + shell.stderr[-3000:]
        said = shell.stdout.splitlines()
        # The grave incident: graded II, refused to the county, led by the province.
        assert "II" in said
        assert '"code":"superior_leads"' in shell.stdout
        assert '"clause":"4.4"' in shell.stdout
        assert any("附件1 二(二)" in line and "yes" in line for line in said)
        assert any(line.startswith("20") and "met" in line and "3.2.3(2)" in line for line in said)
        # The county's own incident: not closed while something is owed, then closed.
        assert any(line.startswith("尚不能办结") for line in said)
        assert "closed" in said
        # The record of it verifies.
        assert any("nothing wrong" in line for line in said)
        assert "}" in said[-1]
        assert json.loads((stack.data / "credentials.json").read_text("utf-8"))
    finally:
        stack.stop()
