"""Chapters 2, 4.2, 4.6.2, 3.3.4-3.3.5: command and groups, task packs, tasks."""

from collections.abc import Sequence
from datetime import datetime

from domain.base import Refusal
from domain.duties import TASK
from domain.incident.commands import CompleteTask, Establish, ReassignTask, ReleasePack
from domain.incident.entries import Group, Task
from domain.incident.events import (
    Established,
    PackReleased,
    TaskCompleted,
    TaskReassigned,
)
from domain.incident.record import Event
from domain.incident.rules import (
    PHASE_ZH,
    Context,
    Fact,
    decides,
    evolves,
    holds,
    missing,
    put,
    set_clock,
)
from domain.incident.state import State
from domain.plan import PackItem, Plan

WORKING = ("reported", "early_handling", "responding", "aftermath")


@decides(Establish)
def establish(ctx: Context, command: Establish) -> Sequence[Fact]:
    """The command may be set up (可依法设立); everything also works without it (2.1, 2.2)."""
    ctx.in_phase("reported", "early_handling", "responding")
    clause = ctx.require("establish")
    groups: list[Group] = []
    if command.what == "groups":
        asked = {change.id: change for change in command.groups}
        for unknown in set(asked) - set(ctx.plan.group_by_id):
            raise missing(ctx.plan, "工作组", "group", unknown)
        for group in ctx.plan.groups:
            if asked and group.id not in asked:
                continue
            change = asked.get(group.id)
            leads = change.leads if change and change.leads is not None else group.leads
            members = change.members if change and change.members is not None else group.members
            for body in (*leads, *members):
                ctx.body(body)
            groups.append(Group(id=group.id, leads=leads, members=members))
    roles = dict(command.roles)
    known = {role.id: role for role in ctx.plan.command_roles}
    for role in roles:
        if role not in known:
            raise missing(ctx.plan, "指挥部职务", "command role", role)
    if command.what == "command":
        roles = {role.id: role.filled_by.zh for role in ctx.plan.command_roles} | roles
    established = Established(
        what=command.what, roles=roles, groups=tuple(groups), text=command.text
    )
    return [Fact(established, clause)]


@evolves(Established)
def _(state: State, event: Event, p: Established) -> State:
    match p.what:
        case "command":
            return state.model_copy(update={"command_established": True, "roles": p.roles})
        case "onsite":
            return state.model_copy(update={"onsite_established": True})
        case _:
            groups = {**state.groups, **{group.id: group for group in p.groups}}
            return state.model_copy(update={"groups": groups})


@decides(ReleasePack)
def release_pack(ctx: Context, command: ReleasePack) -> Sequence[Fact]:
    """The command office releases a pack, whole, by group or by item, in one step (E10)."""
    ctx.in_phase(*WORKING)
    pack = ctx.plan.pack_by_id.get(command.pack)
    if pack is None:
        raise missing(ctx.plan, "任务包", "pack", command.pack)
    clause = ctx.require("release_pack")
    if pack.phases and ctx.state.phase not in pack.phases:
        raise Refusal(
            "pack_not_due",
            pack.clause,
            f"“{pack.name.zh}”须在{'、'.join(PHASE_ZH[p] for p in pack.phases)}阶段下达。",
            f"pack {pack.id} is for phase {', '.join(pack.phases)}, not {ctx.state.phase}",
        )
    levels = {ctx.state.response_level, ctx.state.level} - {None}
    if pack.levels and levels and not levels & set(pack.levels):
        raise Refusal(
            "pack_of_other_level",
            pack.clause,
            f"“{pack.name.zh}”用于{'、'.join(pack.levels)}级。",
            f"pack {pack.id} is for level {', '.join(pack.levels)}",
        )
    warned = {w.level for w in ctx.state.warnings.values() if w.lifted_at is None}
    if pack.warning is not None and pack.warning not in warned:
        raise Refusal(
            "no_warning",
            pack.clause,
            f"“{pack.name.zh}”须在相应级别预警发布后下达。",
            f"pack {pack.id} follows a warning of level {pack.warning}: record it first",
        )
    groups = {item.group for item in pack.items}
    for group in command.groups or ():
        if group not in groups:
            raise missing(ctx.plan, "工作组", "group of this pack", group)
    for item in command.items or ():
        if item not in {i.id for i in pack.items}:
            raise missing(ctx.plan, "任务", "item of this pack", item)
    given = given_items(ctx.state)
    items = [
        item
        for item in pack.items
        if (pack.id, item.id) not in given
        and (command.groups is None or item.group in command.groups)
        and (command.items is None or item.id in command.items)
        and (not item.levels or levels & set(item.levels))
        and all(holds(ctx.state, condition) for condition in item.when)
    ]
    if not items:
        raise Refusal(
            "nothing_to_release",
            pack.clause,
            "所选任务均已下达或目前不适用。",
            "every task chosen is out already, or does not apply now",
        )
    tasks = make_tasks(
        ctx.plan, ctx.state, pack.id, items, ctx.state.seq + 1, ctx.occurred, command.groups
    )
    return [Fact(tasks, pack.clause or clause)]


def given_items(state: State) -> set[tuple[str, str]]:
    """What is out already; a reopened incident may be given its packs anew."""
    return {
        (task.pack, task.item)
        for task in state.tasks.values()
        if task.status == "open"
        or state.reopened_at is None
        or task.assigned_at >= state.reopened_at
    }


def starting_packs(plan: Plan, state: State, seq: int, at: datetime) -> Sequence[Fact]:
    """The first measures, which start by themselves (4.2, 6.3, E10).

    All when a report is taken; those for people harmed when harm becomes known only later.
    """
    facts: list[Fact] = []
    given = given_items(state)
    for pack in plan.packs:
        items = [
            item
            for item in pack.items
            if (pack.id, item.id) not in given
            and all(holds(state, condition) for condition in item.when)
        ]
        if pack.starts_at == "intake" and items:
            tasks = make_tasks(plan, state, pack.id, items, seq + len(facts), at, None)
            facts.append(Fact(tasks, pack.clause, at))
    return facts


def make_tasks(
    plan: Plan,
    state: State,
    pack: str,
    items: Sequence[PackItem],
    seq: int,
    at: datetime,
    groups: tuple[str, ...] | None,
) -> PackReleased:
    """The tasks of ``items`` as the event number ``seq`` gives them out."""
    tasks = tuple(
        Task(
            id=f"t{seq}.{number}",
            pack=pack,
            item=item.id,
            clause=item.clause,
            group=item.group,
            owner=_owner(plan, state, item),
            assigned_at=at,
            due=at + item.within if item.within else None,
        )
        for number, item in enumerate(items, start=1)
    )
    return PackReleased(pack=pack, groups=groups, tasks=tasks)


def _owner(plan: Plan, state: State, item: PackItem) -> str:
    if item.owner is not None:
        return item.owner
    if item.group is not None:
        adjusted = state.groups.get(item.group)
        leads = adjusted.leads if adjusted else plan.group_by_id[item.group].leads
        if leads:
            return leads[0]
    return plan.regulator


@evolves(PackReleased)
def _(state: State, event: Event, p: PackReleased) -> State:
    tasks = {**state.tasks, **{task.id: task for task in p.tasks}}
    packs = state.packs if p.pack in state.packs else (*state.packs, p.pack)
    return state.model_copy(update={"tasks": tasks, "packs": packs})


def _open_task(ctx: Context, task_id: str) -> Task:
    task = ctx.state.tasks.get(task_id)
    if task is None:
        raise missing(ctx.plan, "任务", "task", task_id)
    if task.status != "open":
        raise Refusal("task_done", task.clause, "该任务已办结。", f"task {task.id} is done already")
    return task


def _concerned(ctx: Context, task: Task) -> tuple[str, ...]:
    group = ctx.state.groups.get(task.group or "")
    if group is not None:
        return (task.owner, *group.leads, *group.members)
    planned = ctx.plan.group_by_id.get(task.group or "")
    return (task.owner, *(planned.leads + planned.members if planned else ()))


@decides(CompleteTask)
def complete_task(ctx: Context, command: CompleteTask) -> Sequence[Fact]:
    """The owner, or a body of its group, reports the task done; judged by when it was done."""
    ctx.in_phase(*WORKING)
    task = _open_task(ctx, command.task)
    ctx.require("complete_task", None, *_concerned(ctx, task))
    return [Fact(TaskCompleted(task=task.id, result=command.result), task.clause)]


@evolves(TaskCompleted)
def _(state: State, event: Event, p: TaskCompleted) -> State:
    task = state.tasks[p.task].model_copy(
        update={
            "status": "done",
            "done_seq": event.seq,
            "done_at": event.occurred,
            "done_recorded": event.received,
            "done_by": event.by.decider if event.by else None,
            "result": p.result,
        }
    )
    return put(state, "tasks", task.id, task)


@decides(ReassignTask)
def reassign_task(ctx: Context, command: ReassignTask) -> Sequence[Fact]:
    """Groups and their work are adjusted as needed (2.2)."""
    ctx.in_phase(*WORKING)
    task = _open_task(ctx, command.task)
    clause = ctx.require("reassign_task", None, *_concerned(ctx, task))
    owner = ctx.body(command.owner)
    if ctx.plan.body_by_id[owner].tier != "county":
        raise Refusal(
            "not_ours", clause, "只能交办给本县单位。", "owner: give tasks to bodies of the county"
        )
    return [Fact(TaskReassigned(task=task.id, owner=owner, reason=command.reason), clause)]


@evolves(TaskReassigned)
def _(state: State, event: Event, p: TaskReassigned) -> State:
    task = state.tasks[p.task].model_copy(update={"owner": p.owner})
    state = put(state, "tasks", task.id, task)
    clock = f"{TASK}:{task.id}"
    return set_clock(state, clock, owner=p.owner) if clock in state.clocks else state
