"""Write requirements.lock: one pinned version of everything that any extra needs.

pip resolves and installs nothing. The file is used as constraints (``pip install -c``), so a pin
for another platform or for an extra that is not asked for does no harm.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = "train,dev"
EDITABLE_BUILD = "editables"
"""What the build backend asks for beyond its requirements to install in place."""


def resolve() -> dict[str, str]:
    """Newest versions that fit together, name → version, for this Python and platform."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [f"{ROOT}[{EXTRAS}]", *project["build-system"]["requires"], EDITABLE_BUILD]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        subprocess.run(
            [*pip, "--dry-run", "--ignore-installed", "--report", str(report), *wanted], check=True
        )
        resolved = json.loads(report.read_text(encoding="utf-8"))["install"]
    versions = {each["metadata"]["name"]: each["metadata"]["version"] for each in resolved}
    del versions[project["project"]["name"]]
    return versions


def main() -> None:
    """Resolve and write."""
    versions = resolve()
    lines = [f"{name}=={versions[name]}\n" for name in sorted(versions, key=str.lower)]
    head = "# Made by `make lock`; use it as `pip install -c requirements.lock …`.\n"
    LOCK.write_text(head + "".join(lines), encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} versions")


if __name__ == "__main__":
    main()
