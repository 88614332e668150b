"""A Temporal server of our own: its process, namespace, search attributes and versions."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    RegisterNamespaceRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from embedded.ports import HOST
from embedded.problem import Problem
from embedded.supervisor import Program

RETENTION = timedelta(days=30)
"""How long a closed incident's history is kept; the record itself is PostgreSQL's."""

DYNAMIC_CONFIG: Mapping[str, str] = {
    # One partition: nothing is forwarded between partitions, and updates answer sooner.
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    # A worker that asks for an activity may carry it out itself, without a way through the queue.
    "system.enableActivityEagerExecution": "true",
}

TIME_SKIPPING: Mapping[str, str] = {
    # Older and newer servers know the switch under different names.
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "system.workflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"10ms"',
    # The queues are read 20 times a second and no more, unless told otherwise; a wake-up takes
    # several readings, so that no more than three would be skipped to in a second.
    "history.timerProcessorMaxPollRPS": "2000",
    "history.transferProcessorMaxPollRPS": "2000",
    "history.visibilityProcessorMaxPollRPS": "2000",
}
"""Further dynamic configuration for a server whose workflows may skip time; never for incidents."""

CHECKED_WHOLE_BYTES = 256 * 1024 * 1024
"""Up to this size the server's database is read through at each start."""


class Temporal:
    """A Temporal development server; without ``database`` it forgets all when it ends."""

    def __init__(
        self,
        binary: Path,
        port: int,
        namespace: str,
        database: Path | None = None,
        ui_port: int | None = None,
        dynamic_config: Mapping[str, str] | None = None,
        name: str = "temporal",
    ) -> None:
        self._binary = binary
        self._port = port
        self._namespace = namespace
        self._database = database
        self._ui_port = ui_port
        self._dynamic_config = {**DYNAMIC_CONFIG, **(dynamic_config or {})}
        self._name = name

    @property
    def address(self) -> str:
        """``host:port`` of the server's gRPC service."""
        return f"{HOST}:{self._port}"

    def check(self) -> None:
        """Raise ``Problem`` when the server's database is damaged."""
        path = self._database
        if path is None or not path.exists():
            return
        whole = path.stat().st_size <= CHECKED_WHOLE_BYTES
        question = "PRAGMA quick_check(1)" if whole else "SELECT count(*) FROM sqlite_master"
        try:
            with closing(sqlite3.connect(path)) as database:
                answer = database.execute(question).fetchone()[0]
        except sqlite3.Error as error:
            answer = str(error)
        if whole and answer != "ok":
            raise Problem(
                f"{path} is damaged (“{str(answer).splitlines()[-1]}”): put it back from a copy, "
                "or choose another folder with --data."
            )

    def program(self, log: Path) -> Program:
        """The server as a child."""
        ui = (
            ["--headless"]
            if self._ui_port is None
            else ["--ui-port", str(self._ui_port), "--ui-disable-news-fetch"]
        )
        database = (
            []
            if self._database is None
            else [
                "--db-filename",
                str(self._database),
                "--sqlite-pragma",
                "journal_mode=WAL",
                # What was acknowledged survives even a power cut.
                "--sqlite-pragma",
                "synchronous=FULL",
            ]
        )
        dynamic = [
            part
            for key, value in self._dynamic_config.items()
            for part in ("--dynamic-config-value", f"{key}={value}")
        ]
        return Program(
            name=self._name,
            command=[
                str(self._binary),
                "server",
                "start-dev",
                "--ip",
                HOST,
                "--port",
                str(self._port),
                "--namespace",
                self._namespace,
                *ui,
                *database,
                *dynamic,
                "--log-level",
                "warn",
                "--log-format",
                "json",
                "--disable-config-file",
                "--disable-config-env",
            ],
            log=log,
            env={"PATH": os.defpath, "HOME": os.environ.get("HOME", "/")},
            stop_seconds=15.0,
        )

    async def ready(self) -> None:
        """Return when the server answers and knows the namespace."""
        while True:
            try:
                client = await self.connect()
                await client.workflow_service.describe_namespace(
                    DescribeNamespaceRequest(namespace=self._namespace),
                    timeout=timedelta(seconds=2),
                )
            except (RPCError, RuntimeError):
                await asyncio.sleep(0.05)
            else:
                return

    async def connect(self) -> Client:
        """A client of the namespace, with the converter that yaoan uses everywhere."""
        return await Client.connect(
            self.address, namespace=self._namespace, data_converter=pydantic_data_converter
        )


async def ensure_namespace(client: Client, retention: timedelta = RETENTION) -> None:
    """Make the client's namespace if it is missing, and set how long it keeps histories."""
    period = Duration()
    period.FromTimedelta(retention)
    try:
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(
                namespace=client.namespace,
                config=NamespaceConfig(workflow_execution_retention_ttl=period),
            )
        )
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace=client.namespace, workflow_execution_retention_period=period
            )
        )


async def ensure_search_attributes(
    client: Client, attributes: Sequence[SearchAttributeKey[Any]], seconds: float = 30.0
) -> None:
    """Register the search attributes that the namespace lacks, and wait until it has them.

    Raises ``Problem`` when a name is there with another type, or the server does not show
    them within ``seconds``.
    """
    wanted = {key.name: _indexed(key) for key in attributes}
    deadline = time.monotonic() + seconds
    asked = False
    while True:
        found = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        there = dict(found.custom_attributes)
        for name, kind in wanted.items():
            if there.get(name, kind) != kind:
                raise Problem(
                    f"The Temporal server has the search attribute {name} with another type: "
                    "choose another folder with --data, or rename the attribute."
                )
        missing = {name: kind for name, kind in wanted.items() if name not in there}
        if not missing:
            return
        if time.monotonic() > deadline:
            raise Problem(
                f"The Temporal server did not take the search attributes {', '.join(missing)}: "
                "look into its log."
            )
        if not asked:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
            asked = True
        await asyncio.sleep(0.05)


async def set_current_version(
    client: Client,
    deployment: str,
    build_id: str,
    task_queues: Sequence[str] = ("incidents",),
    seconds: float = 60.0,
) -> None:
    """Route incidents to the workers of this build, as soon as one of them is polling.

    Without a current version the server hands work to nobody, in silence. The version alone
    proves nothing: the server remembers it from earlier starts. So the pollers are asked.
    Raises ``Problem`` when none of this build polls every queue within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    for queue in task_queues:
        while not await _polls(client, queue, deployment, build_id):
            if time.monotonic() > deadline:
                raise Problem(
                    f"No worker of build {build_id} asked for work within {seconds:.0f} s: "
                    "look into the worker's log."
                )
            await asyncio.sleep(0.05)
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=client.namespace,
                    deployment_name=deployment,
                    build_id=build_id,
                    identity="yaoan up",
                    # Queues of an older build that is no longer running may be left behind.
                    ignore_missing_task_queues=True,
                )
            )
        except RPCError as error:
            # The poller is seen a moment before the version is registered.
            soon = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)
            if error.status not in soon or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            return


async def current_version(client: Client, deployment: str) -> str | None:
    """The build id that incidents are routed to, None when there is none."""
    try:
        answer = await client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment)
        )
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    routing = answer.worker_deployment_info.routing_config
    return routing.current_deployment_version.build_id or None


async def _polls(client: Client, queue: str, deployment: str, build_id: str) -> bool:
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return any(
        poller.deployment_options.deployment_name == deployment
        and poller.deployment_options.build_id == build_id
        for poller in answer.pollers
    )


def _indexed(key: SearchAttributeKey[Any]) -> "IndexedValueType.ValueType":
    # The SDK numbers the types as the server's API does.
    return IndexedValueType.ValueType(key.indexed_value_type.value)
