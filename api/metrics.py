"""``GET /metrics`` for Prometheus: counts and seconds by body and kind, nothing of any incident.

Everything is asked of the read model at the moment of the scrape, so that any number of API
processes say the same.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.space import Space
from store import figures, watchdog
from store.errors import StoreError
from store.figures import QUANTILES, BodyFigures, Gauges
from store.watchdog import Run

log = logging.getLogger(__name__)

SCRAPE_SECONDS: Final = 3.0
"""A database that takes longer counts as down; a scrape must not pile up on the next."""


class _Asked(Collector):
    """Metrics that have been asked for already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def router(space: Space) -> APIRouter:
    """The scrape of ``space``; without authentication, for it says nothing of any incident."""
    made = APIRouter()

    @made.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        registry = CollectorRegistry()
        registry.register(_Asked(await _metrics(space)))
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return made


async def _metrics(space: Space) -> list[Metric]:
    up = GaugeMetricFamily("yaoan_database_up", "Whether PostgreSQL answered this scrape")
    try:
        async with asyncio.timeout(SCRAPE_SECONDS):
            pool = await space.pool()
            counted = await figures.gauges(pool, space.now())
            spreads = await figures.notice_figures(pool)
            run = await watchdog.last_run(pool)
    except (StoreError, TimeoutError) as error:
        log.warning("nothing to scrape: %s", type(error).__name__)
        up.add_metric([], 0)
        return [up]
    up.add_metric([], 1)
    return [up, *_counts(counted), *_spreads(spreads), *_watchdog(run)]


def _counts(counted: Gauges) -> Iterator[Metric]:
    notices = GaugeMetricFamily(
        "yaoan_notices", "Notices by body and state", labels=["body", "state"]
    )
    for body, state, count in counted.notices:
        notices.add_metric([body, state], count)
    unanswered = GaugeMetricFamily(
        "yaoan_notices_unanswered",
        "Notices that are pursued until somebody answers",
        labels=["body", "statutory"],
    )
    for body, statutory, count in counted.unanswered:
        unanswered.add_metric([body, str(statutory).lower()], count)
    overdue = GaugeMetricFamily(
        "yaoan_clocks_overdue", "Open clocks past their due moment", labels=["kind"]
    )
    for kind, count in counted.overdue.items():
        overdue.add_metric([kind], count)
    yield from (notices, unanswered, overdue)


def _spreads(spreads: list[BodyFigures]) -> Iterator[Metric]:
    first = GaugeMetricFamily(
        "yaoan_notice_first_seconds",
        "From intake to the first notice that a provider accepted",
        labels=["body", "quantile"],
    )
    answered = GaugeMetricFamily(
        "yaoan_notice_acknowledgement_seconds",
        "From intake to acknowledgement",
        labels=["body", "quantile"],
    )
    for one in spreads:
        for metric, spread in ((first, one.first), (answered, one.answered)):
            if spread is not None:
                for quantile, seconds in zip(
                    QUANTILES, (spread.median, spread.p90, spread.max), strict=True
                ):
                    metric.add_metric([one.body, f"{quantile:g}"], seconds)
    yield from (first, answered)


def _watchdog(run: Run | None) -> Iterator[Metric]:
    if run is None:
        return
    found = GaugeMetricFamily(
        "yaoan_watchdog_findings", "What the watchdog last found, by kind", labels=["kind"]
    )
    for kind, count in run.findings.items():
        found.add_metric([kind], count)
    last = GaugeMetricFamily(
        "yaoan_watchdog_last_run_timestamp_seconds", "When the watchdog last looked"
    )
    last.add_metric([], run.at.timestamp())
    yield from (found, last)
