"""Installs the stream as an operator does: by the commands in the documents, in their order."""

from .documents import commands
from .machine import SOURCES
from .rules import RULES, UNITS

ARCHIVE_KEY = "/srv/away/archive-01.key_secret"
# A mirror for lookout that needs no network: nobody signs it, and there is nothing in it.
MIRROR = """
mkdir -p /srv/mirror/dists/sid/main/binary-amd64 && cd /srv/mirror/dists/sid
: >main/binary-amd64/Packages
printf 'Suite: sid\\nComponents: main\\nArchitectures: amd64\\nSHA256:\\n %s 0 main/binary-amd64/Packages\\n' \
    "$(sha256sum main/binary-amd64/Packages | cut -d' ' -f1)" >Release
"""
LOOKOUT = """data_dir = "/var/lib/lookout"
[identity]
key_file = "/etc/laniakea/keys/secret/lookout.key_secret"
[submit]
endpoint = "tcp://127.0.0.1:5571"
[[archive]]
name = "mirror"
url = "file:///srv/mirror"
suites = ["sid"]
components = ["main"]
architectures = ["amd64"]
trusted = true
interval = "1h"
"""


def install(machine):
    """The documents leave out what is an operator's own: the sources' keys, rights, rules and programs."""
    typed(machine, commands("operating.md", "### Install"))
    machine.run("install", "-d", "-m", "0700", "/srv/away")
    typed(machine, "lk key new --id archive-01 /srv/away && cp /srv/away/archive-01.key .")
    relay = commands("operating.md", "## systemd")
    # "take its examples out of [trust.emit]"
    theirs = "sed -i -e '/^\"spears-01\" = /d' -e '/^\"archive-01\" = /d' /etc/laniakea/lighthouse.toml\n"
    typed(machine, before(relay, "sudo lk key new", theirs))
    make_rules_and_units(machine)
    keeper = commands("keeper.md", "## Install")
    # "and change what is yours in it": who has no mail server takes its table out. The tests' first event
    # is not to be missed if it comes before keeper has read anything.
    ours = (
        "sed -i -e '/^\\[mail\\]/,$d' -e 's/^start = .*/start = \"beginning\"/' /etc/laniakea/keeper.toml\n"
    )
    typed(machine, before(keeper, "sudo lk key new", ours))


def before(script, command, insertion):
    place = script.index(f"\n{command}") + 1
    return script[:place] + insertion + script[place:]


def typed(machine, script):
    machine.shell(f"cd {SOURCES}\n{script}")


def make_rules_and_units(machine):
    """What the rules of the tests need, before keeper reads them."""
    machine.shell("id archive 2>/dev/null || useradd --system --user-group --no-create-home archive")
    machine.run("install", "-d", "-o", "archive", "/srv/archive")
    typed(
        machine,
        "install -m 0644 'packaging/examples/lk-action-publish@.service' /etc/systemd/system/\n"
        "install -d /etc/laniakea/keeper/rules.d",
    )
    for path, (text, mode) in UNITS.items():
        machine.write(path, text, mode)
    machine.write("/etc/laniakea/keeper/rules.d/tests.toml", RULES)
    machine.run("systemctl", "daemon-reload")
