"""Who imports whom in this project."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
APPS = [
    "common", "organizations", "sources", "webhooks", "patients", "records",
    "flows", "picker", "medblocks_connect", "sandbox",
]  # fmt: skip


def imports_of(*apps: str) -> Iterator[tuple[str, str]]:
    """Pairs of a module and what it imports, for `apps` or all of the product; tests left out."""
    for app in apps or APPS:
        for file in sorted((ROOT / app).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    yield from ((module, name.name) for name in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield module, node.module
