"""The commands that the documents tell an operator to type."""

import re

from .machine import ROOT


def commands(paper, heading, number=0):
    """The n-th block of shell commands below a heading.

    `sudo` is what root does anyway, and the sources are built already.
    """
    text = (ROOT / "docs" / paper).read_text()
    _, found, below = text.partition(f"\n{heading}\n")
    assert found, f"docs/{paper} has no {heading}"
    section = re.split(r"^#+ ", below, maxsplit=1, flags=re.MULTILINE)[0]
    block = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[number]
    lines = [line for line in block.splitlines() if not line.startswith("scripts/setup ")]
    prelude = ['sudo() { "$@"; }', "cargo() { true; }"]
    return "\n".join([*prelude, *lines])
