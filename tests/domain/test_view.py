"""What the Temporal UI is told: what is due next, statutory duties before internal targets."""

import pytest

from domain.incident.view import details, waiting_for
from tests.domain.story import Story, gaoqing


@pytest.mark.clause("3.2.2(1)")
def test_the_two_hours_are_shown_before_any_internal_target() -> None:
    story = Story(at="09:00").intake("hospital", learned="09:00")
    text = details(gaoqing(), story.state, story.now)
    lines = [line for line in text.splitlines() if line.startswith("- 2")]
    assert "3.2.2(1)" in lines[0]
    assert "内控" not in lines[0]
    assert any("内控" in line for line in lines)


def test_an_incident_says_whom_it_waits_for() -> None:
    story = Story(at="09:00").intake("hospital", learned="09:00")
    assert gaoqing().regulator in waiting_for(gaoqing(), story.state)
    name = gaoqing().body_by_id[gaoqing().regulator].name.zh
    assert name in details(gaoqing(), story.state, story.now)
