"""The ``yaoan`` command."""

import typer

app = typer.Typer(
    name="yaoan",
    help="Durable incident response for a county's drug-safety emergency plan.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Durable incident response for a county's drug-safety emergency plan."""


def main() -> None:
    """Run the command that the arguments name."""
    app()


if __name__ == "__main__":
    main()
