"""The papers of an exercise as Markdown, from the templates in ``drills/papers`` (6.5).

Every value is escaped, so that what people typed stays text; what looks like an identity or a
mobile number is masked. Title, exercise mark and the warning who may see a paper stand before
every template, so that none can leave them out.
"""

import re
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.drill.papers import Content
from domain.incident.notices import DRILL_MARK
from domain.incident.privacy import mask

FOLDER: Final = Path(__file__).resolve().parent.parent / "drills" / "papers"
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|])")
# Neither Markdown nor a document can hold the rest: line ends, control signs, half characters.
_BLANK: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


def escaped(value: object) -> str:
    """``value`` as one line of Markdown that reads as it was typed."""
    return _SPECIAL.sub(r"\\\1", mask(_BLANK.sub(" ", str(value)).strip()))


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escaped,
    )


def heading(content: Content) -> str:
    """The title of a paper behind the mark of an exercise."""
    return DRILL_MARK + content.title


def markdown(content: Content) -> str:
    """A paper as Markdown.

    Raises:
        jinja2.TemplateError: its template is missing or names what the paper does not have.
    """
    template = _environment().get_template(f"{content.kind.name}.{content.language}.md.j2")
    lines = [f"# {escaped(heading(content))}"]
    if content.warning is not None:
        lines.append(f"> {escaped(content.warning)}")
    return "\n\n".join((*lines, template.render(content.values).strip())) + "\n"
