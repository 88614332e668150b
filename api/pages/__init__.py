"""Printable pages in Chinese: what an official needs on paper, without a script."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domain.base import beijing_text

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"


@cache
def environment() -> Environment:
    """The templates; every value is escaped."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["beijing"] = beijing_text
    return made


def render(template: str, **values: object) -> str:
    """The page ``template`` with ``values``."""
    return environment().get_template(template).render(**values)
