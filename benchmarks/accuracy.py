"""Measure a bundle anew and put the tables into docs/accuracy.md.

    python benchmarks/accuracy.py [--bundle default] [--work work] [--limit N] [SECTION …]

Each section of the page names its command in a comment, `<!-- measured: NAME: COMMAND -->`, and
ends at `<!-- end -->`; what stands between is replaced by what the command prints. `{bundle}`,
`{work}` and `{limit}` in a command are filled in; {limit} is empty without --limit. A command that
fails or prints nothing leaves its section as it is, and the run ends with status 1.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

from emotiw_cli.artefact import landing_file

PAGE = Path(__file__).parents[1] / "docs" / "accuracy.md"
SECTION = re.compile(
    r"<!-- measured: (?P<name>[\w-]+): (?P<command>.+?) -->\n.*?<!-- end -->", re.S
)


def renewed(match: re.Match[str], printed: str) -> str:
    """A section with `printed` as its content; what has no table is shown as it was printed."""
    if "|" not in printed:
        printed = f"```\n{printed.strip()}\n```"
    head = f"<!-- measured: {match['name']}: {match['command']} -->"
    return f"{head}\n\n{printed.strip()}\n\n<!-- end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*")
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--work", default="work")
    parser.add_argument("--limit", type=int, help="a fixed draw of so many faces")
    options = parser.parse_args()
    failed = []

    def measure(match: re.Match[str]) -> str:
        if options.sections and match["name"] not in options.sections:
            return match[0]
        limit = f"--limit {options.limit}" if options.limit else ""
        values = {"bundle": options.bundle, "work": options.work, "limit": limit}
        command = match["command"].format_map(
            {
                name: value if name == "limit" else shlex.quote(value)
                for name, value in values.items()
            }
        )
        print(f"{match['name']}: {command}", file=sys.stderr)
        words = shlex.split(command)
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=PAGE.parents[1], stdout=subprocess.PIPE, text=True
        )
        if done.returncode or not done.stdout.strip():
            failed.append(match["name"])
            return match[0]
        return renewed(match, done.stdout)

    text = SECTION.sub(measure, PAGE.read_text(encoding="utf-8"))
    with landing_file(PAGE, "w") as file:
        file.write(text)
    if failed:
        raise SystemExit(f"not measured, left as they were: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
