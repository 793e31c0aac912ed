#!/usr/bin/env python3
"""Checks the dependencies of each workspace against its deny.toml, without the network.

Licences, versions that are there twice, sources other than crates.io, crates that need a newer Rust
than `rust-version`, and dependencies that nothing uses. cargo-deny and cargo-machete do the same,
but take minutes to build.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

CRATES_IO = re.compile(r"registry\+https://github\.com/rust-lang/crates\.io-index")


# Each workspace with the rules for it.
WORKSPACES = ["", "sinks/mirk/"]


def main():
    problems = [problem for folder in WORKSPACES for problem in workspace_problems(folder)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def workspace_problems(folder):
    rules = tomllib.loads(pathlib.Path(f"{folder}deny.toml").read_text())
    metadata = cargo_metadata(f"{folder}Cargo.toml", rules["graph"]["targets"])
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    packages = [package for package in metadata["packages"] if package["id"] in used]
    ours = [package for package in packages if package["id"] in metadata["workspace_members"]]
    foreign = [package for package in packages if package["source"] is not None]
    yield from licence_problems(packages, set(rules["licenses"]["allow"]))
    if rules["bans"]["multiple-versions"] == "deny":
        yield from duplicate_problems(foreign, rules["bans"]["skip"])
    yield from source_problems(foreign)
    yield from rust_version_problems(ours, foreign)
    yield from unused_problems(ours)


def cargo_metadata(manifest, targets):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    command += ["--manifest-path", manifest]
    for target in targets:
        command += ["--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def licence_problems(packages, allowed):
    for package in packages:
        licence = package["license"]
        if licence is None or not is_allowed(licence, allowed):
            yield f"{name(package)} has the licence {licence}, which deny.toml does not allow"


def is_allowed(expression, allowed):
    """Evaluates an SPDX expression; `A/B` is the old way to write `A OR B`.

    >>> [is_allowed(text, {"MIT", "ISC"}) for text in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/ISC"]]
    [True, True, True]
    >>> [is_allowed(text, {"MIT", "ISC"}) for text in ["GPL-3.0", "MIT AND GPL-3.0", ""]]
    [False, False, False]
    >>> is_allowed("(MIT OR GPL-3.0) AND ISC", {"MIT", "ISC"})
    True
    >>> is_allowed("MIT AND ISC OR GPL-3.0", {"GPL-3.0"})
    True
    >>> is_allowed("Apache-2.0 WITH LLVM-exception", {"Apache-2.0"})
    False
    """
    text = re.sub(r"\s+WITH\s+", "_WITH_", expression.replace("/", " OR "))
    tokens = re.findall(r"[()]|[\w.+-]+", text)

    def either():
        result = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            result = both() or result
        return result

    def both():
        result = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            result = one() and result
        return result

    def one():
        token = tokens.pop(0) if tokens else ""
        if token != "(":
            return token in allowed
        result = either()
        return tokens != [] and tokens.pop(0) == ")" and result

    return either() and not tokens


def duplicate_problems(packages, exceptions):
    """Versions of one crate beside each other, and exceptions that are no longer needed.

    >>> def crates(*versions): return [{"name": "a", "version": version} for version in versions]
    >>> list(duplicate_problems(crates("1.0.0"), []))
    []
    >>> list(duplicate_problems(crates("1.0.0", "2.0.0"), []))
    ['a is there in several versions: 1.0.0 2.0.0']
    >>> old = {"crate": "a@1.0.0", "reason": "b has not moved"}
    >>> list(duplicate_problems(crates("1.0.0", "2.0.0"), [old]))
    []
    >>> list(duplicate_problems(crates("2.0.0"), [old]))
    ['deny.toml makes an exception for a@1.0.0, which is not needed']
    >>> list(duplicate_problems(crates("1.0.0"), [old]))
    ['deny.toml makes an exception for a@1.0.0, which is not needed']
    """
    versions = {}
    for package in packages:
        versions.setdefault(package["name"], set()).add(package["version"])
    for exception in exceptions:
        crate, _, version = exception["crate"].partition("@")
        present = versions.get(crate, set())
        if version not in present or len(present) == 1:
            yield f"deny.toml makes an exception for {crate}@{version}, which is not needed"
        present.discard(version)
    for crate, present in sorted(versions.items()):
        if len(present) > 1:
            yield f"{crate} is there in several versions: {' '.join(sorted(present))}"


def source_problems(packages):
    for package in packages:
        if not CRATES_IO.fullmatch(package["source"]):
            yield f"{name(package)} comes from {package['source']} and not from crates.io"


def rust_version_problems(ours, foreign):
    oldest = min(release(package["rust_version"]) for package in ours)
    for package in foreign:
        if package["rust_version"] and release(package["rust_version"]) > oldest:
            needs = package["rust_version"]
            yield f"{name(package)} needs Rust {needs}, which is newer than our rust-version"


def release(version):
    """Makes versions comparable.

    >>> release("1.92") == release("1.92.0") < release("1.100")
    True
    """
    numbers = [int(number) for number in version.split("-")[0].split(".")]
    return numbers + [0] * (3 - len(numbers))


def unused_problems(packages):
    for package in packages:
        folder = pathlib.Path(package["manifest_path"]).parent
        code = "\n".join(path.read_text() for path in rust_files(folder))
        for dependency in package["dependencies"]:
            crate = (dependency["rename"] or dependency["name"]).replace("-", "_")
            if not re.search(rf"\b{crate}\b", code):
                yield f"{package['name']} does not use its dependency {dependency['name']}"


def rust_files(folder):
    for part in ["src", "tests", "benches", "examples", "build.rs"]:
        path = folder / part
        yield from [path] if path.is_file() else path.rglob("*.rs")


def name(package):
    return f"{package['name']} {package['version']}"


if __name__ == "__main__":
    sys.exit(main())
