"""What comes to the players: injects written, delivered and skipped, and others played."""

from datetime import datetime, timedelta

from domain.drill.orders import Act, Assign, Deliver, Say, Skip, Write
from domain.drill.play import By, Play, noted, played_of, refusal
from domain.drill.record import Played
from domain.drill.scenario import Action, Inject
from domain.drill.schedule import action_key, inject_key
from domain.drill.script import scripted
from domain.incident.events import EVENTS


def _pending(play: Play, number: int) -> Inject:
    """The inject of that number, which has not come yet.

    Raises:
        Refusal: there is none, or it has.
    """
    for inject in play.injects:
        if inject.number == number:
            if played_of(play, number).status == "waiting":
                return inject
            raise refusal(
                play,
                "inject_played",
                f"第{number}条情景已经注入或跳过。",
                f"inject {number} has come or was skipped already",
            )
    raise refusal(play, "no_such_inject", f"没有第{number}条情景。", f"there is no inject {number}")


def deliver(play: Play, order: Deliver, by: By, real: datetime) -> Play:
    inject = _pending(play, order.number)
    key = inject_key(inject.number)
    due = play.progress.schedule.due.get(key)
    asked = Played(number=inject.number, due=due, by=by.name)
    return _at_once(play.with_progress(played=noted(play, asked)), key)


def _at_once(play: Play, key: str) -> Play:
    """A line is played next, however the drill stands."""
    if key in play.at_once:
        return play
    return play.model_copy(update={"at_once": (*play.at_once, key)})


def skip(play: Play, order: Skip, by: By, real: datetime) -> Play:
    inject = _pending(play, order.number)
    key = inject_key(inject.number)
    skipped = Played(
        number=inject.number,
        status="skipped",
        due=play.progress.schedule.due.get(key),
        real=real,
        by=by.name,
    )
    rest = tuple(other for other in play.at_once if other != key)
    return play.model_copy(update={"at_once": rest}).with_progress(
        schedule=play.progress.schedule.without(key), played=noted(play, skipped)
    )


def write(play: Play, order: Write, by: By, real: datetime) -> Play:
    inject = order.inject
    if any(known.number == inject.number for known in play.injects):
        _pending(play, inject.number)
    _fits(play, inject)
    due = None
    if inject.at is not None and play.started is not None:
        due = play.started + play.progress.slip + inject.at
        if due < play.standing(play.now(real)):
            raise refusal(
                play,
                "inject_in_the_past",
                "该时间已过；请写更晚的时间，或者立即注入。",
                "that time has passed: write a later one, or deliver it now",
            )
    others = (known for known in play.progress.added if known.number != inject.number)
    written = play.with_progress(added=(*others, inject))
    if play.started is None:
        return written
    schedule = play.progress.schedule.at(written.lines, inject_key(inject.number), due)
    after = inject.after.inject if inject.after is not None else None
    if after is not None and (at := played_of(play, after).at) is not None:
        schedule = schedule.delivered(written.lines, after, play.standing(at))
    return written.with_progress(schedule=schedule)


def _fits(play: Play, inject: Inject) -> None:
    """Refuse an inject that names what the exercise does not have."""
    roles = {player.id for player in play.scenario.players}
    objectives = {objective.id for objective in play.scenario.objectives}
    wrong = [f"to: {role}" for role in inject.to if role not in roles]
    if inject.sender is not None and inject.sender not in roles:
        wrong.append(f"sender: {inject.sender}")
    wrong += [
        f"objective: {one.objective}" for one in inject.expected if one.objective not in objectives
    ]
    if inject.opens is not None and (
        inject.opens not in play.scenario.openings or inject.opens in play.progress.incidents
    ):
        wrong.append(f"opens: {inject.opens}")
    events = [one.event for one in inject.expected if one.event is not None]
    if inject.after is not None and inject.after.event is not None:
        events.append(inject.after.event)
    wrong += [f"event: {event}" for event in events if event not in EVENTS]
    if inject.after is not None and inject.after.inject is not None:
        numbers_known = {known.number for known in play.injects} - {inject.number}
        if inject.after.inject not in numbers_known:
            wrong.append(f"after: inject {inject.after.inject}")
    if wrong:
        named = "; ".join(wrong)
        raise refusal(
            play,
            "unknown_to_the_exercise",
            f"演练中没有：{named}。",
            f"the exercise does not have: {named}",
        )


def say(play: Play, order: Say, by: By, real: datetime) -> Play:
    number = max(inject.number for inject in play.injects) + 1
    assert play.started is not None  # noqa: S101 - it has begun
    inject = Inject.model_validate(
        {
            "number": number,
            "at": max(play.now(real) - play.started, timedelta()),
            "from": order.sender,
            "to": order.to,
            "channel": order.channel,
            "text": order.text,
        }
    )
    _fits(play, inject)
    written = play.with_progress(added=(*play.progress.added, inject))
    schedule = play.progress.schedule.at(written.lines, inject_key(number), play.now(real))
    return deliver(written.with_progress(schedule=schedule), Deliver(number=number), by, real)


def act(play: Play, order: Act, by: By, real: datetime) -> Play:
    assert play.started is not None  # noqa: S101 - it has begun
    if order.incident not in play.progress.incidents:
        raise refusal(
            play,
            "no_such_incident",
            f"演练中没有已立案的事件“{order.incident}”。",
            f"no incident {order.incident!r} has been opened in this exercise",
        )
    if order.command not in scripted():
        raise refusal(
            play,
            "unknown_command",
            f"没有可代为办理的操作“{order.command}”。",
            f"{order.command!r} is no command that can be given in somebody's place",
        )
    action = Action(
        at=max(play.now(real) - play.started, timedelta()),
        incident=order.incident,
        command=order.command,
        seat=order.seat,
        fields=order.fields,
    )
    changed = play.with_progress(acts=(*play.progress.acts, action))
    key = action_key(len(changed.automatic))
    schedule = play.progress.schedule.at(changed.lines, key, play.now(real))
    return _at_once(changed.with_progress(schedule=schedule), key)


def assign(play: Play, order: Assign, by: By, real: datetime) -> Play:
    if order.role not in {player.id for player in play.scenario.players}:
        raise refusal(
            play,
            "no_such_role",
            f"演练中没有角色“{order.role}”。",
            f"the exercise has no role {order.role!r}",
        )
    if play.started is not None and bool(order.people) != bool(play.players.get(order.role)):
        # Else lines of the script that came long ago would be due, or others vanish.
        raise refusal(
            play,
            "role_fixed",
            "演练开始后，有人扮演的角色不能改由脚本代替，脚本代替的角色也不能改由人扮演。",
            "once it has begun a role stays with people, or with the script",
        )
    return play.model_copy(update={"players": {**play.players, order.role: order.people}})
