#!/usr/bin/env python3
"""Checks the systemd units: how exposed they are, that they are well-formed, and that they fit; and
what polkit lets keeper do.

systemd-analyze judges the exposure of each; a figure above 1.5 is an error, and so is one that
docs/operating.md states otherwise for the same version of systemd. Users have to be in sysusers.d,
secrets in a directory that tmpfiles.d keeps for root, and paths of credentials that somebody is told
to use have to be those of the unit. Needs systemd 250 or newer and, for the polkit rule, Node.js, and
says so where they are missing.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MAX_EXPOSURE = 1.5
# The first one that can judge a file of a unit that is not installed.
OLDEST_SYSTEMD = 250
UNITS = pathlib.Path("packaging/systemd")
SYSUSERS = pathlib.Path("packaging/sysusers.d/laniakea.conf")
TMPFILES = pathlib.Path("packaging/tmpfiles.d/laniakea.conf")
EXAMPLES = pathlib.Path("packaging/examples")
POLKIT = pathlib.Path("packaging/polkit/50-keeper.rules")
PAPER = pathlib.Path("docs/operating.md")
# Where paths of credentials stand.
TOLD = ["packaging/systemd/*.service", "config/*.toml", "docs/*.md"]


def main():
    units = {path.name: path.read_text() for path in sorted(UNITS.glob("*.service"))}
    problems = [] if units else [f"{UNITS} holds no units"]
    users, directories = SYSUSERS.read_text(), TMPFILES.read_text()
    for name, text in units.items():
        problems += [f"{name} {problem}" for problem in misfits(text, users, directories)]
    for pattern in TOLD:
        for path in sorted(pathlib.Path().glob(pattern)):
            problems += [f"{path} {problem}" for problem in lost_credentials(path.read_text(), units)]
    version = systemd_version()
    if version >= OLDEST_SYSTEMD:
        problems += exposure_problems(units, version)
        problems += verify_problems(units)
        examples = {path.name: path.read_text() for path in EXAMPLES.glob("*.service")}
        problems += verify_problems(examples)
    else:
        found = f"systemd is {version}" if version else "there is no systemd-analyze"
        print(f"units: exposure skipped; it needs systemd {OLDEST_SYSTEMD}, and {found}")
    if shutil.which("node"):
        problems += polkit_problems(POLKIT.read_text())
    else:
        print("units: the polkit rule skipped; it needs node")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def systemd_version():
    """0 where there is none."""
    if shutil.which("systemd-analyze") is None:
        return 0
    match = re.match(r"systemd (\d+)", output("systemd-analyze", "--version"))
    return int(match.group(1)) if match else 0


def output(*command):
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.stdout.decode(errors="replace")


def exposure_problems(units, version):
    stated = stated_figures(PAPER.read_text())
    for name in units:
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS / name)]
        report = output(*command)
        figure = parse_exposure(report)
        if figure is None:
            yield f"{name} could not be judged: {report.strip()[-200:]}"
            continue
        print(f"units: {name} has an exposure of {figure}, by systemd {version}")
        if figure > MAX_EXPOSURE:
            yield f"{name} has an exposure of {figure}; {MAX_EXPOSURE} is the limit"
        yield from misstated(name, figure, version, stated)


def parse_exposure(report):
    """The figure that a report ends with.

    >>> parse_exposure("✓ a" + chr(10) + "→ Overall exposure level for a.service: 1.1 OK 🙂")
    1.1
    >>> parse_exposure("Failed to load unit")
    """
    match = re.search(r"Overall exposure level for \S+: (\d+\.\d+) ", report)
    return float(match.group(1)) if match else None


def stated_figures(text):
    """What a table with a column `exposure (systemd N)` says of each unit.

    >>> stated_figures('''
    ... | unit | user | exposure (systemd 252) |
    ... |---|---|---|
    ... | `a.service` | a | 1.1 |
    ... ''')
    (252, {'a.service': 1.1})
    >>> stated_figures("")
    (0, {})
    """
    version = re.search(r"^\|.*\| exposure \(systemd (\d+)\) \|$", text, re.MULTILINE)
    figures = re.findall(r"^\| `(\S+\.service)` \|.*\| (\d+\.\d+) \|$", text, re.MULTILINE)
    return int(version.group(1)) if version else 0, {name: float(figure) for name, figure in figures}


def misstated(name, figure, version, stated):
    """Other versions judge otherwise, so only the one that the table names is compared.

    >>> list(misstated("a", 1.2, 252, (252, {"a": 1.1})))
    ['a has an exposure of 1.2, and docs/operating.md says 1.1']
    >>> list(misstated("a", 1.2, 257, (252, {"a": 1.1}))), list(misstated("a", 1.1, 252, (252, {"a": 1.1})))
    ([], [])
    >>> list(misstated("a", 1.2, 257, (252, {})))
    ['a has an exposure of 1.2, and docs/operating.md says nothing']
    """
    said = stated[1].get(name, "nothing")
    if said == "nothing" or (version == stated[0] and said != figure):
        yield f"{name} has an exposure of {figure}, and {PAPER} says {said}"


def verify_problems(units):
    """What systemd has against the files; the daemons need not be installed."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in units.items():
            (pathlib.Path(folder) / name).write_text(re.sub(r"/usr/local/bin/[\w-]+", "/bin/true", text))
        for name in units:
            file = str(pathlib.Path(folder) / name)
            report = output("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", file)
            for line in report.splitlines():
                if name in line:
                    yield f"{name}: {line.replace(folder + '/', '')}"


MANAGE = "org.freedesktop.systemd1.manage-units"
# Whom polkit is asked about, for what, with which unit and verb, and whether it says yes.
POLKIT_CASES = [
    ("keeper", MANAGE, "lk-action-publish@1.service", "start", True),
    ("keeper", MANAGE, "lk-action-publish-now_2@123456.service", "stop", True),
    ("keeper", MANAGE, "lk-action-publish@1.service", "reset-failed", True),
    ("keeper", MANAGE, "lk-action-publish@1.service", "restart", False),
    ("keeper", MANAGE, "lk-action-publish@1.service", "set-property", False),
    ("keeper", MANAGE, "lk-action-publish@1.service", None, False),
    ("keeper", MANAGE, None, "start", False),  # a transient unit
    ("keeper", MANAGE, "ssh.service", "start", False),
    ("keeper", MANAGE, "lk-action-publish.service", "start", False),
    ("keeper", MANAGE, "lk-action-@1.service", "start", False),
    ("keeper", MANAGE, "lk-action-publish@x.service", "start", False),
    ("keeper", MANAGE, "lk-action-a@1.service\nssh.service", "start", False),
    ("keeper", MANAGE, "ssh.service\nlk-action-a@1.service", "start", False),
    ("keeper", MANAGE, "lk-action-a@1.socket", "start", False),
    ("keeper", "org.freedesktop.systemd1.manage-unit-files", "lk-action-a@1.service", "start", False),
    ("mirk", MANAGE, "lk-action-publish@1.service", "start", False),
]
# What polkit gives a rule, as much as ours uses.
POLKIT_HARNESS = """
let rule;
const polkit = { Result: { NOT_HANDLED: null, YES: "yes" }, addRule: (added) => { rule = added; } };
%s
for (const [user, id, unit, verb] of %s) {
    const details = { unit: unit ?? undefined, verb: verb ?? undefined };
    console.log(rule({ id, lookup: (name) => details[name] }, { user }) === "yes");
}
"""


def polkit_problems(rule):
    """Cases in which the rule says something else."""
    program = POLKIT_HARNESS % (rule, json.dumps([case[:4] for case in POLKIT_CASES]))
    answers = output("node", "--eval", program).split()
    if len(answers) != len(POLKIT_CASES):
        yield f"{POLKIT} cannot be run: {' '.join(answers)[:200]}"
        return
    for (user, action, unit, verb, expected), answer in zip(POLKIT_CASES, answers):
        if (answer == "true") != expected:
            yield f"{POLKIT} says {answer} to {user}, {action}, {unit!r}, {verb}"


def misfits(unit, users, directories):
    """Users that nobody makes, and secrets that others than root might read.

    >>> users = 'u a - "A" /var/lib/a'
    >>> directories = "d /etc/secret 0700 root root" + chr(10) + "d /etc/open 0755 root root"
    >>> good = ["User=a", "LoadCredential=k:/etc/secret/k"]
    >>> list(misfits(chr(10).join(good), users, directories))
    []
    >>> list(misfits("User=b", users, directories))
    ['runs as b, whom packaging/sysusers.d/laniakea.conf does not make', 'has no credential']
    >>> list(misfits("User=a" + chr(10) + "LoadCredential=k:/etc/open/k", users, directories))
    ["takes k from /etc/open/k, which is in no directory of root's alone"]
    >>> list(misfits(chr(10).join([*good, "KillMode=process"]), users, directories))
    ['leaves processes behind (KillMode=process)']
    """
    made = set(re.findall(r"^u (\S+)", users, re.MULTILINE))
    private = set(re.findall(r"^d (\S+) +0700 root root$", directories, re.MULTILINE))
    user = re.search(r"^User=(.*)$", unit, re.MULTILINE)
    name = user.group(1) if user else "root"
    if name not in made:
        yield f"runs as {name}, whom {SYSUSERS} does not make"
    mode = re.search(r"^KillMode=(.*)$", unit, re.MULTILINE)
    if mode and mode.group(1) not in ("control-group", "mixed"):
        yield f"leaves processes behind ({mode.group(0)})"
    credentials = loaded(unit)
    if not credentials:
        yield "has no credential"
    for credential, path in credentials.items():
        if str(pathlib.Path(path).parent) not in private:
            yield f"takes {credential} from {path}, which is in no directory of root's alone"


def loaded(unit):
    """The credentials of a unit, also those that somebody may uncomment.

    >>> loaded("LoadCredential=a:/b" + chr(10) + "#LoadCredential=c:/d" + chr(10) + "# LoadCredential=")
    {'a': '/b', 'c': '/d'}
    """
    return dict(re.findall(r"^#?LoadCredential=([^:\s]+):(\S+)$", unit, re.MULTILINE))


def lost_credentials(text, units):
    """Paths that no unit provides.

    >>> units = {"a.service": "LoadCredential=k:/b"}
    >>> list(lost_credentials('key = "/run/credentials/a.service/k" and /run/credentials/a.service/', units))
    []
    >>> list(lost_credentials("`/run/credentials/a.service/x`, /run/credentials/b.service/k", units))
    ['names the credential x, which a.service does not load', 'names the credential k, which b.service does not load']
    """
    for unit, name in re.findall(r"/run/credentials/([\w.-]+)/([\w.-]+)", text):
        if name not in loaded(units.get(unit, "")):
            yield f"names the credential {name}, which {unit} does not load"


if __name__ == "__main__":
    sys.exit(main())
