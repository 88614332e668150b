"""Refusals on their way out of a workflow, and what is wrong with a malformed command."""

from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from domain.base import Refusal


def fail(refusal: Refusal) -> NoReturn:
    """Hand a refusal to the caller. Any other exception would retry the task for ever.

    Raises:
        ApplicationError: the type is the refusal's code, the details are clause, Chinese and
            English text.
    """
    raise ApplicationError(
        refusal.message.en,
        refusal.clause,
        refusal.message.zh,
        refusal.message.en,
        type=refusal.code,
        non_retryable=True,
    ) from None


def described(refusal: Refusal) -> dict[str, str]:
    """A refusal as it is kept in the record, and as Refusal takes it back."""
    return {
        "code": refusal.code,
        "clause": refusal.clause,
        "zh": refusal.message.zh,
        "en": refusal.message.en,
    }


def shape(error: ValidationError) -> str:
    """What is wrong with the shape of a command, without what was typed: errors reach logs."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        "no such command"
        if e["type"] == "union_tag_invalid"
        else f"{'.'.join(map(str, e['loc']))}: {e['msg']}"
        for e in found
    )
