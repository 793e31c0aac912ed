#!/usr/bin/env python3
"""Checks the tracked files for what a reader would stumble over.

Links between Markdown files that lead nowhere, headings, files and functions that are named and
absent, a README that grew, Rust files that grew, and names of somebody's machine or registry.
"""

import pathlib
import re
import subprocess
import sys

MAX_README_LINES = 120
MAX_RUST_LINES = 600

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
# `path/file.rs` or `path/file.rs: function`, from the root.
PLACE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:rs|toml|py|sql|service))(?:: (\w+))?`")
HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)

# Written so that this file does not contain them itself.
FOREIGN = re.compile(r"/(?:work|farm|root|home/[a-z]+)/|artif[a]ctory", re.IGNORECASE)


def main():
    files = [pathlib.Path(line) for line in tracked_files()]
    problems = []
    for path in files:
        text = read_text(path)
        if text is None:
            continue
        problems += [f"{path} {problem}" for problem in foreign_names(text)]
        if path.suffix == ".md":
            problems += [f"{path} {problem}" for problem in broken_links(path, text)]
            problems += [f"{path} {problem}" for problem in missing_places(text)]
        if path.suffix == ".rs":
            problems += [f"{path} {problem}" for problem in too_long(text, MAX_RUST_LINES)]
        if path == pathlib.Path("README.md"):
            problems += [f"{path} {problem}" for problem in too_long(text, MAX_README_LINES)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def tracked_files():
    command = ["git", "ls-files", "-z", "--cached", "--deduplicate"]
    listing = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
    return [name for name in listing.split("\0") if name]


def read_text(path):
    """The text of a file; none for a link, a file that is gone, and one that is no text."""
    try:
        return None if path.is_symlink() else path.read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def foreign_names(text):
    """Names that mean something on one machine only.

    >>> list(foreign_names("see /etc/laniakea and https://example.org/work"))
    []
    >>> len(list(foreign_names("fine" + chr(10) + "cd /home" + "/me/x")))
    1
    """
    for number, line in enumerate(text.splitlines(), 1):
        for match in FOREIGN.finditer(line):
            yield f"names somebody's machine or registry in line {number}: {match.group()}"


def broken_links(path, text):
    for target in links(text):
        file, _, heading = target.partition("#")
        linked = path if file == "" else path.parent / file
        if not linked.exists():
            yield f"links to {target}, which is not there"
        elif heading and heading not in anchors(linked.read_text()):
            yield f"links to {target}, which is no heading there"


def links(text):
    """Where the relative links of a Markdown text lead; code is passed over.

    >>> links("[a](b.md#c) `[x](y)` [d](https://example.org) ![e](f.svg)")
    ['b.md#c', 'f.svg']
    """
    targets = LINK.findall(CODE.sub("", text))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def missing_places(text):
    """Files that a text names and that are not there, and functions that are not in them.

    >>> list(missing_places("`scripts/absent.py`, `a/*.toml` and `x.rs`"))
    ['names scripts/absent.py, which is not there']
    >>> list(missing_places("`crates/event/src/lib.rs: absent`"))
    ['names absent, which is no function in crates/event/src/lib.rs']
    """
    for name, function in PLACE.findall(text):
        path = pathlib.Path(name)
        if not path.exists():
            yield f"names {name}, which is not there"
        elif function and not re.search(rf"\bfn {function}\b", path.read_text()):
            yield f"names {function}, which is no function in {name}"


def anchors(text):
    """The names by which headings are linked, made as the usual forges make them.

    >>> sorted(anchors("# One, two" + chr(10) + "## `lk key`: files"))
    ['lk-key-files', 'one-two']
    """
    headings = HEADING.findall(re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def too_long(text, limit):
    lines = text.count("\n")
    if lines > limit:
        yield f"has {lines} lines; {limit} is the limit"


if __name__ == "__main__":
    sys.exit(main())
