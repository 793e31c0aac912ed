#!/usr/bin/env python3
# SPDX-License-Identifier: CC0-1.0
"""A sink that is a source too: answers each failed build with an event of its own.

    both.py --keys keys/trusted --relay lighthouse --cursor both.cursor --key watch-01.key_secret

Needs the other files of this folder.
"""

from events import digest
from relay import say
from sink import open_stream, sink_parser
from source import Source

CAUSE = "_lk.archive.package-build-failed"
REACTION = "org.example.watch.build-needs-attention"


def react(event: dict, source: Source):
    """Emits the reaction to an event.

    The same event must give the same reaction, byte for byte: when it comes again after a crash,
    the relay knows the reaction already, and it is published once. So the time is not now, but
    when the relay took the cause.
    """
    data = {
        "cause": digest(event),
        "package": text(event, "pkgname"),
        "version": text(event, "version"),
        "architecture": text(event, "architecture"),
    }
    reply = source.submit(source.sign(REACTION, data, time=event["unsigned"]["received"]))
    if not reply["ok"]:
        # It would be rejected again: say so and go on with the next event.
        say(f"the relay rejected the reaction to {data['cause']}: {reply['reason']}")


def text(event: dict, name: str) -> str:
    """A member of an event's data, if it is the text that it should be."""
    value = event["data"].get(name)
    return value[:200] if isinstance(value, str) else "unknown"


def main():
    parser = sink_parser("Answer failed builds.")
    parser.add_argument("--to", default="tcp://127.0.0.1:5571", help="the relay's submit endpoint")
    parser.add_argument("--key", required=True, help="the secret key file")
    arguments = parser.parse_args()
    source = Source(arguments.to, arguments.key)
    for event in open_stream(arguments, [CAUSE]):
        react(event, source)


if __name__ == "__main__":
    main()
