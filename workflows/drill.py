"""A drill as a durable workflow, in our time: it drives incidents whose clocks are their own.

A shell like that of an incident: ``domain/drill/course.py`` says what happens next, an activity
does it, and its outcome is told to the domain. Orders are Updates. They wait for no activity
that may hang, so that a real emergency is heard at once; one that lets time pass is ended first,
for nobody else knows what time it is meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, VersioningBehavior
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from domain.base import Refusal
    from domain.drill import course, direction
    from domain.drill.course import Looked, PassTime, PlayLine
    from domain.drill.play import REAL_TIME, Play, number_of, told_of_emergency
    from domain.drill.scenario import Action, Inject
    from domain.drill.schedule import not_opened
    from workflows import drill_contracts as c

from workflows.refusals import fail

T = TypeVar("T")

RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)
)
ATTEMPT = timedelta(minutes=2)
"""One attempt of an activity that plays a line."""
KEEPING = timedelta(seconds=3)
"""How long the giver of an order waits until PostgreSQL has it."""
HEARING = timedelta(seconds=3)
"""How long an order waits for an activity that was told to stop."""
UNSEEN = 25
"""So many changes of a drill that nobody plays go into PostgreSQL together."""
STUCK = timedelta(seconds=5)
"""How long to wait before time is let pass again, where it did not."""


@workflow.defn(name=c.DRILL_WORKFLOW, versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Drill:
    """One drill, from its opening until it has ended and everything of it is kept."""

    @workflow.init
    def __init__(self, start: c.DrillStart) -> None:
        self._start = start
        self._play = start.play
        self._kept = -1
        self._orders: list[tuple[c.GivenOrder, asyncio.Future[None] | None]] = []

    @workflow.run
    async def run(self, _start: c.DrillStart) -> int:
        """Play until the drill has ended; returns its last version."""
        keeping = asyncio.create_task(self._keep())
        while not self._through():
            if self._asked() and self._play.halted is not None:
                # What happened during a pause belongs to it, and is known only from the records.
                await self._look()
            self._take_orders()
            if self._full() and workflow.all_handlers_finished():
                keeping.cancel()
                self._roll_over()
            await self._take_course()
        keeping.cancel()
        return self._play.version

    # --- orders ---

    @workflow.update(name=c.ORDER_UPDATE)
    async def order(self, given: c.GivenOrder) -> c.Ordered:
        """Carry out an order as soon as it is known what time it is."""
        done: asyncio.Future[None] = asyncio.Future()
        self._orders.append((given, done))
        try:
            await done
        except Refusal as refusal:
            fail(refusal)
        version = self._play.version
        try:
            await workflow.wait_condition(lambda: self._kept >= version, timeout=KEEPING)
        except TimeoutError:
            workflow.logger.warning("an order waits for PostgreSQL")
        return c.Ordered(
            drill=self._play.drill,
            version=version,
            mode=self._play.mode,
            kept=self._kept >= version,
        )

    @workflow.signal(name=c.EMERGENCY_SIGNAL)
    def emergency(self, given: c.GivenOrder) -> None:
        """Carry out an order that no worker took as an Update: it must not get lost."""
        self._orders.append((given, None))

    @order.validator
    def may_order(self, given: c.GivenOrder) -> None:
        """Refuse what may not be done; history gets nothing of it."""
        try:
            direction.decide(self._play, given.order, given.by, workflow.now(), given.request)
        except Refusal as refusal:
            fail(refusal)

    @workflow.query(name=c.PLAY_QUERY)
    def play(self) -> Play:
        """The drill as it stands."""
        return self._play

    def _take_orders(self) -> None:
        while self._orders:
            given, done = self._orders.pop(0)
            try:
                self._play = direction.decide(
                    self._play, given.order, given.by, workflow.now(), given.request
                )
            except Refusal as refusal:
                if done is not None:
                    done.set_exception(refusal)
            else:
                if done is not None:
                    done.set_result(None)

    # --- what happens next ---

    async def _take_course(self) -> None:
        """Do the next thing that the drill calls for, or wait for an order."""
        play = self._play = course.arrived(self._play, workflow.now())
        if play.untold is not None:
            await self._tell(play.untold, play.suspended or "")
        elif play.branching:
            await self._branch()
        elif play.retired:
            await self._stop(play.retired)
        else:
            match course.next_step(play, workflow.now()):
                case PlayLine(key, Inject() as inject):
                    await self._inject(key, inject)
                case PlayLine(key, Action() as action):
                    await self._act(key, action)
                case PassTime() as step:
                    await self._pass(step)
                case None:
                    await workflow.wait_condition(lambda: self._asked() or self._through())

    async def _look(self) -> None:
        """Read the records up to now, unless that takes long."""
        if self._play.started is None or self._play.mode == "ended" or self._play.branching:
            return
        now = self._play.now(workflow.now())
        await self._pass(PassTime(now, REAL_TIME, until_due=False), HEARING)

    async def _pass(self, step: PassTime, patience: timedelta | None = None) -> None:
        order = c.AdvanceOrder(
            looking=self._looking(),
            to=step.to,
            minutes_per_hour=step.minutes_per_hour,
            until_due=step.until_due,
        )
        passing = workflow.start_activity(
            c.ADVANCE_TIME,
            order,
            result_type=Looked,
            start_to_close_timeout=2 * c.STRETCH,
            heartbeat_timeout=c.HEARTBEAT,
            retry_policy=RETRIES,
            # It says what time it is when it is told to stop.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        with contextlib.suppress(TimeoutError):
            asked = self._asked if patience is None else bool
            await workflow.wait_condition(lambda: passing.done() or asked(), timeout=patience)
        if not passing.done():
            passing.cancel()
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(passing.done, timeout=HEARING)
        if not passing.done():
            # It hangs, and an order does not wait for it.
            return
        try:
            seen = await passing
        except ActivityError:
            # Nobody worked on it when it was told to stop: the next look tells what time it is.
            return
        self._play = course.looked(self._play, seen, workflow.now())
        if self._play.stuck is not None and patience is None:
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(self._asked, timeout=STUCK)

    async def _inject(self, key: str, inject: Inject) -> None:
        play = self._play
        if inject.opens is None:
            self._play = course.delivered(play, key, inject, None, workflow.now())
            return
        number = number_of(play, inject.opens, play.attempt)
        assert play.started is not None  # noqa: S101 - a line of it is due
        order = c.OpenOrder(
            looking=self._looking(),
            plan=self._start.plan,
            drill=play.drill,
            name=inject.opens,
            number=number,
            facts=play.scenario.openings[inject.opens],
            started=play.started,
            at=play.now(workflow.now()),
            task_queue=self._start.task_queue,
        )
        played = await self._line(c.OPEN_INCIDENT, order)
        if played is None:
            return
        now = workflow.now()
        if played.problem is not None:
            self._play = course.failed(self._play, key, inject, played.problem, now)
        else:
            self._play = course.delivered(self._play, key, inject, number, now)
        self._play = course.looked(self._play, played.looked, now)

    async def _act(self, key: str, action: Action) -> None:
        play = self._play
        number = play.progress.incidents.get(action.incident)
        if number is None:
            problem = not_opened(action.incident)
            self._play = course.failed(play, key, action, problem, workflow.now())
            return
        assert play.started is not None  # noqa: S101 - a line of it is due
        order = c.GiveOrder(
            looking=self._looking(),
            number=number,
            action=action,
            names=play.progress.names,
            started=play.started,
            request=f"{play.drill}-{key.replace(' ', '-')}",
        )
        played = await self._line(c.GIVE_COMMANDS, order)
        if played is None:
            return
        now = workflow.now()
        if played.problem is not None:
            self._play = course.failed(self._play, key, action, played.problem, now)
        else:
            self._play = course.acted(self._play, key, action, played.results, now)
        self._play = course.looked(self._play, played.looked, now)

    async def _line(self, activity: str, order: c.OpenOrder | c.GiveOrder) -> c.LineOutcome | None:
        """What became of a line; None: it is to be played again, or belongs to what was given up.

        To play it again is harmless: the incident knows the request.
        """
        attempt = self._play.attempt

        def given_up() -> bool:
            return self._play.attempt != attempt or self._play.mode in ("suspended", "ended")

        played = await self._attended(activity, order, c.LineOutcome, given_up)
        return None if self._play.attempt != attempt else played

    async def _branch(self) -> None:
        name, branch = next(iter(self._play.branching.items()))
        attempt = self._play.attempt
        order = c.BranchOrder(
            old=branch.old,
            number=self._play.progress.incidents[name],
            until=branch.until,
            at=self._play.now(workflow.now()),
            task_queue=self._start.task_queue,
        )
        made = await self._attended(
            c.BRANCH_INCIDENT, order, bool, lambda: self._play.mode == "ended"
        )
        if self._play.attempt == attempt and self._play.mode != "ended":
            self._play = course.branched(self._play, name, made is True, workflow.now())

    async def _stop(self, retired: tuple[str, ...]) -> None:
        await self._attended(c.STOP_INCIDENTS, c.StopOrder(numbers=retired), None)
        self._play = course.stopped(self._play, retired)

    async def _tell(self, key: str, reason: str) -> None:
        play = self._play
        order = c.TellOrder(
            drill=play.drill,
            key=key,
            bodies=told_of_emergency(self._start.plan, play),
            reason=reason,
            at=play.now(workflow.now()),
        )
        await self._attended(c.TELL_PLAYERS, order, None)
        self._play = course.told(self._play, key)

    async def _attended(
        self,
        activity: str,
        order: object,
        result: type[T] | None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> T | None:
        """What an activity results in; orders are carried out meanwhile, and may end it."""
        going: workflow.ActivityHandle[Any] = workflow.start_activity(
            activity,
            order,
            result_type=result,
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=c.HEARTBEAT,
            retry_policy=RETRIES,
            # What it may have begun has to be there when it is stopped.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        while not going.done():
            await workflow.wait_condition(lambda: going.done() or self._asked())
            self._take_orders()
            if given_up() and not going.done():
                going.cancel()
                with contextlib.suppress(TimeoutError):
                    await workflow.wait_condition(going.done, timeout=HEARING)
                if not going.done():
                    return None
        try:
            answer: T = await going
        except ActivityError:
            return None
        return answer

    def _looking(self) -> c.Looking:
        play = self._play
        progress = play.progress
        return c.Looking(
            incidents=progress.incidents,
            seqs=progress.seqs,
            watched=progress.schedule.watched(play.lines),
            ahead=play.ahead,
            alone=play.unattended,
        )

    # --- kept, continued, over ---

    async def _keep(self) -> None:
        """Put the drill into PostgreSQL whenever it has changed, however long that takes."""
        while True:
            await workflow.wait_condition(self._to_keep)
            version = self._play.version
            await workflow.execute_activity(
                c.KEEP_DRILL,
                self._play,
                start_to_close_timeout=ATTEMPT,
                heartbeat_timeout=c.HEARTBEAT,
                retry_policy=RETRIES,
            )
            self._kept = version

    def _to_keep(self) -> bool:
        # With nobody there to look at it, not every line has to be kept at once.
        unseen = self._play.unattended and self._play.mode == "running"
        some = UNSEEN if unseen and workflow.all_handlers_finished() else 1
        return self._play.version - self._kept >= some

    def _asked(self) -> bool:
        return bool(self._orders)

    def _over(self) -> bool:
        play = self._play
        return play.mode == "ended" and not (play.retired or play.untold or self._orders)

    def _through(self) -> bool:
        kept = self._kept >= self._play.version
        return self._over() and kept and workflow.all_handlers_finished()

    def _full(self) -> bool:
        limit = self._start.continue_after
        if limit is not None and workflow.info().get_current_history_length() >= limit:
            return True
        return workflow.info().is_continue_as_new_suggested()

    def _roll_over(self) -> NoReturn:
        """Go on in a new run with an empty history; nothing is under way but the clocks."""
        workflow.continue_as_new(self._start.model_copy(update={"play": self._play}))
