"""What notices say: Jinja templates beside the plan's file, strict about undefined names.

A template is a file ``<subject>.<language>.j2``: its first line is the title, the rest the text.
The plan's folder may hold its own in ``notices/``; what it lacks comes from those shipped here.
They travel within the plan, so that an incident speaks to its end as it did at its beginning.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2 import Template as Compiled
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.base import Text, beijing_text
from domain.incident import wording
from domain.incident.entries import Message, Notice
from domain.incident.state import State
from domain.incident.wording import LANGUAGES, LAYOUT, SUBJECTS, Values, Wording
from domain.plan import Plan, Template

SHIPPED = Path(__file__).resolve().parent.parent / "plans" / "notices"
FOLDER = "notices"
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


class TextFault(NamedTuple):
    """What is wrong with one template: its file, the line (0: all of it), and what."""

    file: str
    line: int
    message: str


def read_templates(folder: Path) -> dict[str, Template]:
    """The templates of ``folder``, by subject; a language that is missing is the shipped one's.

    Raises:
        OSError, UnicodeDecodeError: a file is there and cannot be read.
    """
    found: dict[str, Template] = {}
    for subject in (LAYOUT, *SUBJECTS):
        titles, texts = {}, {}
        for language in LANGUAGES:
            own = folder / f"{subject}.{language}.j2"
            path = own if own.exists() else SHIPPED / own.name
            title, _, text = path.read_text(encoding="utf-8-sig").partition("\n")
            titles[language], texts[language] = title.strip(), text.strip("\n")
        found[subject] = Template(title=Text(**titles), text=Text(**texts))
    return found


@cache
def shipped() -> dict[str, Template]:
    """The templates that come with yaoan."""
    return read_templates(SHIPPED)


def faults(templates: dict[str, Template]) -> list[TextFault]:
    """Everything wrong with ``templates``: syntax, unknown names, an empty title or text."""
    found: list[TextFault] = []
    for subject in templates.keys() - {LAYOUT, *SUBJECTS}:
        found.append(TextFault(f"{subject}.*.j2", 0, "no notice has this subject"))
    for subject in (LAYOUT, *SUBJECTS):
        template = templates.get(subject, shipped()[subject])
        values = wording.layout_sample() if subject == LAYOUT else wording.sample(subject)
        for language in LANGUAGES:
            file = f"{subject}.{language}.j2"
            for part, above in (("title", 0), ("text", 1)):
                source = getattr(getattr(template, part), language)
                try:
                    said = _compiled(source).render(values)
                except TemplateSyntaxError as error:
                    found.append(TextFault(file, error.lineno + above, str(error.message)))
                except (TemplateError, ValueError, TypeError) as error:
                    found.append(TextFault(file, 0, f"{part}: {error}"))
                else:
                    if not said.strip():
                        found.append(TextFault(file, 0, f"the {part} is empty"))
    return sorted(found)


@cache
def _compiled(source: str) -> Compiled:
    return _ENVIRONMENT.from_string(source)


def _said(template: Template, values: Wording) -> tuple[Text, Text]:
    parts = {
        part: {
            language: _compiled(getattr(getattr(template, part), language))
            .render(values[language])
            .strip()
            for language in LANGUAGES
        }
        for part in ("title", "text")
    }
    return Text(**parts["title"]), Text(**parts["text"])


def _marked(mark: str, said: tuple[Text, Text]) -> tuple[Text, Text]:
    """Title and text behind ``mark``, which no template can leave out (6.5)."""
    title, text = said
    return (
        Text(zh=mark + title.zh, en=mark + title.en),
        Text(zh=mark + text.zh, en=mark + text.en),
    )


def say_notice(template: Template, values: Wording) -> tuple[Text, Text]:
    """Title and text of one notice by itself, without what a message says around it.

    Raises:
        jinja2.TemplateError: the template does not fit; ``yaoan plan check`` finds that before.
    """
    return _marked(values["zh"]["mark"], _said(template, values))


class Item(NamedTuple):
    """A notice within a message."""

    notice: str
    template: Template
    values: Wording
    again: bool


def say_message(
    layout: Template, body: Text, items: list[Item], at: str, link: str | None
) -> tuple[Text, Text]:
    """Title and text of a message to ``body`` that lists ``items``; ``at`` is Beijing time."""
    spoken: Wording = {}
    for language in LANGUAGES:
        notices: list[Values] = []
        for item in items:
            title, text = _said(item.template, item.values)
            notices.append(
                {
                    "id": item.notice,
                    "title": getattr(title, language),
                    "text": getattr(text, language),
                    "cited": item.values[language]["cited"],
                    "again": item.again,
                }
            )
        common = items[0].values[language]
        spoken[language] = {
            **{name: common[name] for name in ("mark", "incident", "drug", "place", "county")},
            "body": getattr(body, language),
            "notices": notices,
            "again": all(item.again for item in items),
            "statutory": any(item.values[language]["statutory"] for item in items),
            "at": at,
            "link": link,
        }
    return _marked(spoken["zh"]["mark"], _said(layout, spoken))


def template_of(plan: Plan, subject: str) -> Template:
    """The plan's template of ``subject``, or the shipped one where an older plan has none."""
    return plan.texts.get(subject) or shipped()[subject]


def notice_text(plan: Plan, state: State, notice: Notice) -> tuple[Text, Text]:
    """Title and text of ``notice`` as a message of its own."""
    message = Message(
        id=notice.id,
        recipient=notice.recipient,
        notices={notice.id: 0},
        contacts=(),
        at=notice.queued_at,
    )
    return message_text(plan, state, message)


def message_text(
    plan: Plan, state: State, message: Message, link: str | None = None
) -> tuple[Text, Text]:
    """Title and text of ``message``, whole."""
    items = [
        Item(
            notice,
            template_of(plan, state.notices[notice].subject),
            wording.wording(plan, state, state.notices[notice]),
            step > 0,
        )
        for notice, step in message.notices.items()
    ]
    body = plan.body_by_id[message.recipient].name
    return say_message(template_of(plan, LAYOUT), body, items, beijing_text(message.at), link)
