"""A contract for import-linter that lists what may be imported, not what may not.

A list of forbidden libraries is never complete; what the domain stands on is a short list.
"""

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """``modules`` and all below them import nothing but themselves and what is ``allowed``.

    A library is allowed by its top-level name, a module of ours by its own name, with all
    below it. With ``standard_library`` Python's own modules are allowed. With ``within`` only
    imports of that package and what is below it are judged.
    """

    modules = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField())
    standard_library = fields.BooleanField(required=False, default=False)
    within = fields.StringField(required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at every direct import of the modules."""
        # The fields hold their values once the contract is read; their types do not say so.
        own: Any = self.modules
        further: Any = self.allowed
        allowed: list[str] = [*own, *further]
        wrong: list[tuple[str, str]] = [
            (module, imported)
            for root in own
            for module in sorted({root, *graph.find_descendants(root)})
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if self._judged(imported) and not self._may(imported, allowed)
        ]
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import that is one too many."""
        for module, imported in check.metadata["wrong"]:
            output.print_error(f"{module} imports {imported}")
        output.new_line()

    def _judged(self, imported: str) -> bool:
        within: Any = self.within
        return within is None or _below(imported, within)

    def _may(self, imported: str, allowed: list[str]) -> bool:
        standard: Any = self.standard_library
        if standard and imported.partition(".")[0] in sys.stdlib_module_names:
            return True
        return any(_below(imported, name) for name in allowed)


def _below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")
