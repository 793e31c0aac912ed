"""The rules of the tests, and the units and programs that they start.

An event is for one rule: its `what` is that rule's name.
"""

# What the shipped example starts. It runs as archive, and writes down what it is and what it was given.
PUBLISH = """#!/bin/sh
set -eu
cat >/srv/archive/events.new
{ id -un && tr '\\0' '\\n' </proc/self/environ && tr '\\0' ' ' </proc/$$/cmdline; } >/srv/archive/about
mv /srv/archive/events.new /srv/archive/events
"""


def oneshot(command):
    return f"[Service]\nType=oneshot\nUser=archive\nExecStart={command}\n"


# It says that it was started, and goes on until somebody writes to its fifo or it is stopped.
HELD = oneshot(
    "/bin/sh -c 'echo started >>/srv/archive/%p.starts;"
    " read line </srv/archive/%p.fifo; echo done >>/srv/archive/%p.ends'"
)

UNITS = {
    "/usr/local/bin/publish-archive": (PUBLISH, "0755"),
    "/etc/systemd/system/lk-action-fails@.service": (oneshot("/bin/sh -c 'echo no room; exit 3'"), "0644"),
    "/etc/systemd/system/lk-action-killed@.service": (oneshot("/bin/sh -c 'kill -KILL $$$$'"), "0644"),
    "/etc/systemd/system/lk-action-forgotten@.service": (oneshot("/usr/local/bin/nobody-has-this"), "0644"),
    "/etc/systemd/system/lk-action-needy@.service": (
        "[Unit]\nRequires=always-fails.service\nAfter=always-fails.service\n" + oneshot("/bin/true"),
        "0644",
    ),
    "/etc/systemd/system/always-fails.service": (oneshot("/bin/false"), "0644"),
    "/etc/systemd/system/lk-action-rights@.service": (
        "[Service]\nUser=archive\nExecStart=/bin/sleep infinity\n",
        "0644",
    ),
    "/etc/systemd/system/ssh.service": ("[Service]\nExecStart=/bin/sleep infinity\n", "0644"),
    **{
        f"/etc/systemd/system/lk-action-{name}@.service": (HELD, "0644")
        for name in ["slow", "alert", "skip", "retry"]
    },
}


def rule(name, action, more=""):
    return f'[[rule]]\nname = "{name}"\non = "_lk.archive.*"\ndata = {{ what = "{name}" }}\n{more}{action}\n'


def unit(name, more=""):
    return rule(name, f'systemd = {{ unit = "{name}" }}', more)


def program(name, script, more=""):
    """What runs inside keeper's own unit."""
    return rule(name, f"exec = {{ command = ['/bin/sh', '-euc', '''{script}'''] }}", more)


RULES = "\n".join(
    [
        *map(unit, ["publish", "fails", "killed", "forgotten", "needy", "absent", "refused"]),
        unit("slow", 'timeout = "2s"\n'),
        *(unit(name, f'on_unknown_outcome = "{name}"\n') for name in ["alert", "skip", "retry"]),
        program("exec", "id -un; pwd; cat; exit 0"),
        program("exec-fails", "echo out of luck >&2; exit 4"),
        # What it says on its stdout is Python's to understand.
        rule("look-around", "exec = { command = ['/usr/bin/python3', '/usr/local/bin/look-around'] }"),
        # It heeds no SIGTERM, and neither does what it left behind in a session of its own.
        program(
            "stubborn",
            "trap '' TERM; setsid sleep 3600 & echo $$ >/var/lib/keeper/stubborn; sleep 3601",
            'on_unknown_outcome = "skip"\n',
        ),
        # It ends by itself, and leaves something behind that does not want to be found.
        program(
            "forgetful",
            "( env -i setsid sh -c 'trap \"\" TERM; echo $$ >/var/lib/keeper/left; exec sleep 3602' <&- >&- 2>&- & ) &"
            " until test -s /var/lib/keeper/left; do sleep 0.1; done",
        ),
        # It takes a while over its end when it is told to stop, as a publication that is under way.
        program(
            "finishing",
            "mkfifo /var/lib/keeper/finish; read line </var/lib/keeper/finish; echo finished",
        ),
    ]
)
