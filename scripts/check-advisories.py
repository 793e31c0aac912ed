#!/usr/bin/env python3
"""Checks the lock files against known vulnerabilities, without the network.

    ADVISORY_DB=DIRECTORY scripts/check-advisories.py

The directory is a copy of RustSec's database (https://github.com/rustsec/advisory-db). Without
ADVISORY_DB, what cargo-deny or cargo-audit have fetched is taken; where there is no copy, nothing is
checked, and a line says so. An advisory that does not concern us goes into `[advisories] ignore` of
the deny.toml beside the lock file, with its reason; one that is no longer needed there is an error.
"""

import os
import pathlib
import re
import sys
import tomllib

# Lock files, with the deny.toml that holds for each.
LOCKS = {
    "Cargo.lock": "deny.toml",
    "tests/fuzz/Cargo.lock": "deny.toml",
    "sinks/mirk/Cargo.lock": "sinks/mirk/deny.toml",
}
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
FRONT_MATTER = re.compile(r"\A```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMPARATOR = re.compile(
    r"(?P<operator>[<>]=?|[=^~])?\s*"
    r"(?P<numbers>\d+(?:\.(?:\d+|[*xX])){0,2})"
    r"(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)


def main():
    database = find_database()
    if database is None:
        print("advisories: skipped; no database in ADVISORY_DB, nor one of cargo-deny or cargo-audit")
        return 0
    advisories = [read_advisory(path) for path in sorted(database.glob("crates/*/*.md"))]
    if not advisories:
        print(f"error: {database} holds no advisories", file=sys.stderr)
        return 1
    locks = {lock: locked_packages(pathlib.Path(lock).read_text()) for lock in LOCKS}
    problems = []
    for rules in sorted(set(LOCKS.values())):
        packages = {lock: locks[lock] for lock, theirs in LOCKS.items() if theirs == rules}
        section = tomllib.loads(pathlib.Path(rules).read_text()).get("advisories", {})
        problems += judge(advisories, packages, section.get("ignore", []), rules)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        newest = max(advisory["advisory"]["date"] for advisory in advisories)
        count = len(set().union(*locks.values()))
        print(
            f"advisories: none for {count} crates in {len(locks)} lock files, of {len(advisories)},"
            f" the newest of {newest}"
        )
    return 1 if problems else 0


def find_database():
    if named := os.environ.get("ADVISORY_DB"):
        return pathlib.Path(named)
    cargo = pathlib.Path(os.environ.get("CARGO_HOME") or pathlib.Path.home() / ".cargo")
    places = [*cargo.glob("advisory-dbs/*"), cargo / "advisory-db"]
    found = [place for place in places if (place / "crates").is_dir()]
    return max(found, key=lambda place: place.stat().st_mtime, default=None)


def read_advisory(path):
    try:
        return parse_advisory(path.read_text())
    except (ValueError, KeyError) as error:
        sys.exit(f"error: {path} is no advisory: {error}")


def parse_advisory(text):
    """The TOML that an advisory begins with, versions as requirements.

    >>> text = '''```toml
    ... [advisory]
    ... id = "RUSTSEC-2000-0001"
    ... package = "a"
    ... date = "2000-01-01"
    ... [versions]
    ... patched = ["^1.0.4", ">= 1.2"]
    ... ```
    ... # Title
    ... '''
    >>> [is_affected(parse_advisory(text), version) for version in ["1.0.3", "1.0.4", "2.0.0"]]
    [True, False, False]
    >>> parse_advisory("# Title")
    Traceback (most recent call last):
    ValueError: it does not begin with TOML
    """
    match = FRONT_MATTER.match(text)
    if not match:
        raise ValueError("it does not begin with TOML")
    advisory = tomllib.loads(match.group(1))
    for member in ["id", "package", "date"]:
        advisory["advisory"][member]
    versions = advisory["versions"]
    advisory["good"] = [
        parse_requirement(text)
        for text in versions["patched"] + versions.get("unaffected", [])
    ]
    return advisory


def judge(advisories, locks, exceptions, rules):
    """What is wrong with lock files that one deny.toml holds for.

    >>> def advisory(**more): return {"advisory": {"id": "R-1", "package": "a", **more},
    ...     "good": [parse_requirement(">= 2.0.0")]}
    >>> def check(version, exceptions=[], **more): return list(
    ...     judge([advisory(**more)], {"x.lock": {("a", version)}}, exceptions, "deny.toml"))
    >>> check("1.0.0")
    ['x.lock has a 1.0.0: R-1, vulnerability; patched: none']
    >>> check("1.0.0", informational="unsound")
    ['x.lock has a 1.0.0: R-1, unsound; patched: none']
    >>> check("2.0.0"), check("1.0.0", withdrawn="2000-01-01"), check("1.0.0", package="b")
    ([], [], [])
    >>> check("1.0.0", [{"id": "R-1", "reason": "is not called"}])
    []
    >>> check("2.0.0", ["R-1"])
    ['deny.toml makes an exception for R-1, which is not needed']
    """
    ignored = {entry if isinstance(entry, str) else entry["id"] for entry in exceptions}
    needed = set()
    for lock, packages in locks.items():
        for name, version in sorted(packages):
            for advisory in advisories:
                about = advisory["advisory"]
                if name != about["package"] or not concerns_us(advisory):
                    continue
                if not is_affected(advisory, version):
                    continue
                if about["id"] in ignored:
                    needed.add(about["id"])
                    continue
                kind = about.get("informational", "vulnerability")
                patched = ", ".join(advisory.get("versions", {}).get("patched", [])) or "none"
                yield f"{lock} has {name} {version}: {about['id']}, {kind}; patched: {patched}"
    for unneeded in sorted(ignored - needed):
        yield f"{rules} makes an exception for {unneeded}, which is not needed"


def concerns_us(advisory):
    """Neither withdrawn nor about other systems alone.

    >>> concerns_us({"advisory": {}, "affected": {"os": ["windows"]}})
    False
    >>> concerns_us({"advisory": {}, "affected": {"os": ["linux", "windows"]}})
    True
    """
    systems = advisory.get("affected", {}).get("os", [])
    return "withdrawn" not in advisory["advisory"] and (not systems or "linux" in systems)


def is_affected(advisory, version):
    key = version_key(version)
    return not any(all(test(key) for test in tests) for tests in advisory["good"])


def locked_packages(text):
    """Names and versions of what a Cargo.lock takes from crates.io.

    >>> text = f'''
    ... [[package]]
    ... name = "ours"
    ... version = "0.1.0"
    ... [[package]]
    ... name = "theirs"
    ... version = "1.2.3"
    ... source = "{CRATES_IO}"
    ... '''
    >>> locked_packages(text)
    {('theirs', '1.2.3')}
    """
    packages = tomllib.loads(text)["package"]
    return {
        (package["name"], package["version"])
        for package in packages
        if package.get("source") == CRATES_IO
    }


def version_key(text):
    """Makes versions comparable as semver.org has it.

    >>> texts = ["1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-a", "1.0.0-a.1", "1.0.0", "1.0.1+a", "1.10.0"]
    >>> sorted(texts, key=version_key) == texts
    True
    """
    release, _, pre = text.partition("+")[0].partition("-")
    return tuple(int(number) for number in release.split(".")), pre_key(pre)


def pre_key(pre):
    """A release comes after all that was there before it."""
    if not pre:
        return (1,)
    parts = pre.split(".")
    return (0, *((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts))


def parse_requirement(text):
    """Turns a requirement into tests that all have to hold.

    >>> def fits(requirement, *versions):
    ...     tests = parse_requirement(requirement)
    ...     return [all(test(version_key(version)) for test in tests) for version in versions]
    >>> fits(">= 1.2.3", "1.2.2", "1.2.3-rc.1", "1.2.3", "2.0.0")
    [False, False, True, True]
    >>> fits(">= 1.0.0-alpha.2, < 1.1", "1.0.0-alpha.1", "1.0.0-alpha.10", "1.0.9", "1.1.0")
    [False, True, True, False]
    >>> fits("^1.2.3", "1.2.2", "1.9.0", "2.0.0-rc.1", "2.0.0")
    [False, True, False, False]
    >>> fits("^0.2.3", "0.2.3", "0.3.0") + fits("0.0.3", "0.0.3", "0.0.4") + fits("^0", "0.9.0")
    [True, False, True, False, True]
    >>> fits("~1.2.3", "1.2.9", "1.3.0") + fits("~1", "1.9.0", "2.0.0")
    [True, False, True, False]
    >>> fits("> 1.2", "1.2.9", "1.3.0") + fits("> 1.2.3", "1.2.3", "1.2.4")
    [False, True, False, True]
    >>> fits("<= 1.2", "1.2.9", "1.3.0") + fits("<= 1.2.3", "1.2.3", "1.2.4")
    [True, False, True, False]
    >>> fits("= 1.2", "1.2.9", "1.3.0") + fits("=1.2.3", "1.2.3", "1.2.4") + fits("1.*", "1.9.0")
    [True, False, True, False, True]
    >>> fits("*", "0.1.0")
    [True]
    >>> fits("around 1.2", "1.2.0")
    Traceback (most recent call last):
    ValueError: `around 1.2` is no requirement
    """
    if text.strip() == "*":
        return []
    tests = []
    for part in text.split(","):
        match = COMPARATOR.fullmatch(part.strip())
        if not match:
            raise ValueError(f"`{text}` is no requirement")
        numbers = match["numbers"].split(".")
        if numbers[-1] in "*xX":
            numbers = [number for number in numbers if number not in "*xX"]
            operator = match["operator"] or "="
        else:
            operator = match["operator"] or "^"
        tests += comparator_tests(operator, [int(number) for number in numbers], match["pre"] or "")
    return tests


def comparator_tests(operator, numbers, pre):
    """The bounds of one comparator; where numbers are left out, it means all that begin so."""
    low = (tuple(numbers + [0] * (3 - len(numbers))), pre_key(pre))
    whole = len(numbers) == 3
    after = behind(numbers, len(numbers) - 1)
    if operator == ">=":
        return [lambda key: key >= low]
    if operator == "<":
        return [lambda key: key < low]
    if operator == ">":
        return [lambda key: key > low if whole else key >= after]
    if operator == "<=":
        return [lambda key: key <= low if whole else key < after]
    if operator == "=":
        return [lambda key: key == low if whole else low <= key < after]
    if operator == "~":
        end = behind(numbers, min(1, len(numbers) - 1))
    else:
        first = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
        end = behind(numbers, first)
    return [lambda key: low <= key < end]


def behind(numbers, place):
    """What comes after all versions with these numbers up to `place`, its first beta included."""
    head = [*numbers[:place], numbers[place] + 1]
    return tuple(head + [0] * (3 - len(head))), (0,)


if __name__ == "__main__":
    sys.exit(main())
