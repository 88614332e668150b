"""What is asked and seen of drills: players see what has come to them, the staff all of it."""

from typing import Any, Final

from pydantic import BaseModel, Field

from api.security import Actor
from domain.base import Moment, Strict, Text
from domain.drill.direction import MODES
from domain.drill.play import Cue, Entry, Goal, Play, cues, played_of
from domain.drill.record import Improvement, Observed, Overridden, Played, Remark
from domain.drill.results import OpenImprovement
from domain.drill.scenario import Inject, Player
from domain.drill.schedule import Surprise
from domain.incident.notices import DRILL_MARK

NO_ADVANCE: Final = Text(
    zh="此服务器不允许拨动时间，本次演练按实际时间进行。",
    en="this server does not let time be advanced: the drill runs in real time",
)


class ScenarioView(BaseModel):
    """A scenario that can be opened: for the exercise's staff alone."""

    id: str
    version: int
    title: Text
    summary: Text
    length_hours: float
    injects: int
    roles: list[Player]


class OpenRequest(Strict):
    """Open a drill of a scenario that ships, or of one that comes along."""

    scenario: str | None = Field(default=None, max_length=60, examples=["county-iv-cluster"])
    text: str | None = Field(
        default=None, max_length=500_000, description="情景文件全文（YAML），代替 scenario。"
    )
    players: dict[str, tuple[str, ...]] = Field(
        default={}, description="角色编号 → 扮演者姓名；无人扮演的角色按脚本进行。"
    )


class SuspendRequest(Strict):
    """A real emergency: every drill is suspended."""

    reason: str = Field(min_length=1, max_length=500, examples=["某镇卫生院报告真实事件"])


class Suspended(BaseModel):
    """What became of it, drill by drill, and where the real thing is taken down."""

    drills: dict[str, bool] = Field(description="演练编号 → 是否已中止。")
    live_intake: str
    text: Text


class OrderedView(BaseModel):
    """An order was carried out."""

    drill: str
    version: int
    mode: str
    kept: bool


class DrillView(BaseModel):
    """A drill as anyone may see it."""

    drill: str
    title: Text
    mode: str
    stands: Text
    now: Moment | None = Field(description="演练时间。")
    started: Moment | None
    ended: Moment | None
    minutes_per_hour: float
    real_time: Text | None = Field(description="仅按实际时间进行时的说明。")
    suspended: str | None = Field(description="因实战中止的原因。")
    live_intake: str | None = Field(description="中止后，真实事件的接报入口。")
    incidents: dict[str, str]
    roles: list[Player]
    mine: list[str] = Field(description="本席位扮演的角色。")
    cues: list[Cue] = Field(description="已注入本席位的情景，或轮到本席位说的话。")


class InjectView(BaseModel):
    """A line of the master scenario events list, with what has become of it."""

    inject: Inject
    played: Played


class StaffView(DrillView):
    """A drill as directors and evaluators see it."""

    version: int
    attempt: int
    scenario: str
    summary: Text
    objectives: list[dict[str, Any]]
    injects: list[InjectView]
    players: dict[str, tuple[str, ...]]
    goal: Goal | None
    stuck: str | None
    points: list[str]
    earlier: list[int]
    refused: tuple[Surprise, ...]
    surprises: tuple[Surprise, ...]
    observations: tuple[Observed, ...]
    overridden: tuple[Overridden, ...]
    remarks: tuple[Remark, ...]
    improvements: tuple[Improvement, ...]
    log: tuple[Entry, ...]


class DrillLine(BaseModel):
    """A drill in the list."""

    drill: str
    title: Text
    mode: str
    opened: Moment
    started: Moment | None
    ended: Moment | None


class DrillFigures(BaseModel):
    """Across drills: clauses exercised in a year, corrective actions still open."""

    year: int
    clauses: dict[str, tuple[str, ...]]
    improvements: list[OpenImprovement]


class PaperView(BaseModel):
    """A paper that can be had now."""

    name: str
    language: str
    title: Text
    warning: Text | None
    markdown: str
    docx: str


def marked(text: Text) -> Text:
    """``text`` with the mark of an exercise."""
    return Text(zh=f"{DRILL_MARK}{text.zh}", en=f"{DRILL_MARK}{text.en}")


def drill_view(play: Play, actor: Actor, now: Moment | None, live_intake: str) -> DrillView:
    """The drill as ``actor`` may see it at ``now`` of its own time."""
    view: dict[str, Any] = {
        "drill": play.drill,
        "title": marked(play.scenario.title),
        "mode": play.mode,
        "stands": MODES[play.mode],
        "now": now,
        "started": play.started,
        "ended": play.ended,
        "minutes_per_hour": play.minutes_per_hour,
        "real_time": None if play.capable else NO_ADVANCE,
        "suspended": play.suspended,
        "live_intake": live_intake if play.mode == "suspended" else None,
        "incidents": play.progress.incidents,
        "roles": list(play.scenario.players),
        "mine": [p.id for p in play.scenario.players if p.seat == actor.seat],
        "cues": [
            cue.model_copy(update={"text": marked(cue.text)}) for cue in cues(play, actor.seat)
        ],
    }
    if not actor.staff:
        return DrillView(**view)
    return StaffView(
        **view,
        version=play.version,
        attempt=play.attempt,
        scenario=play.scenario.id,
        summary=play.scenario.summary,
        objectives=[one.model_dump(mode="json") for one in play.scenario.objectives],
        injects=[
            InjectView(inject=inject, played=played_of(play, inject.number))
            for inject in play.injects
        ],
        players=play.players,
        goal=play.goal,
        stuck=play.stuck,
        points=[point.name for point in play.points],
        earlier=[one.attempt for one in play.earlier],
        refused=play.progress.refused,
        surprises=play.progress.surprises,
        observations=play.observations,
        overridden=play.overridden,
        remarks=play.remarks,
        improvements=play.improvements,
        log=play.log,
    )
