"""How workflow code is kept from clocks, randomness and I/O without being slow."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox for incidents: the domain is passed through, the workflow itself is not.

    The domain does no I/O (import-linter holds it to that), and importing it anew for every
    incident would cost seven times as much as running it.
    """
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(
            "domain",
            "pydantic",
            "pydantic_core",
            "workflows.contracts",
            "workflows.drill_contracts",
        )
    )
