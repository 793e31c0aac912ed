"""Everything at once: Mirk, the relay and the homeserver killed again and again under load.

`make soak` runs it with more events and more faults, and prints what came of them.
"""

import os
import random
import sys
import time

from matrixtest import MatrixTest, room, start_server, stop_server
from matrixtest.content import digests
from matrixtest.emitted import upload

EVENTS = int(os.environ.get("SOAK_EVENTS", "120"))
FAULTS = int(os.environ.get("SOAK_FAULTS", "6"))
SECONDS = 120 + EVENTS


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Soak(MatrixTest):
    def test_nothing_is_lost_or_doubled_when_everything_is_killed(self):
        rooms = {
            "plain": self.new_room(),
            "encrypted": self.new_room(is_encrypted=True),
            "digests": self.new_room(),
        }
        few = {"burst": 3, "per_minute": 60, "digest_after": "2s"}
        tables = [room(rooms["plain"]), room(rooms["encrypted"])]
        self.start_mirk("\n".join([*tables, room(rooms["digests"], limits=few)]))
        self.wait_for_bot(*rooms.values())
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        faults = dict.fromkeys(self.kinds(), 0)
        wanted, started = [], time.monotonic()
        for number in range(FAULTS):
            share = EVENTS * (number + 1) // FAULTS - EVENTS * number // FAULTS
            # Somewhere among the share's events, while those before are on their way.
            at = chance.randrange(share)
            wanted += self.emit(*(upload(f"package-{number}-{n}") for n in range(at)))
            fault = chance.choice(list(faults))
            self.kinds()[fault]()
            faults[fault] += 1
            before = len(wanted)
            wanted += self.emit(*(upload(f"package-{number}-{n}") for n in range(at, share)))
            # The next fault comes when these are on their way.
            self.wait_for(rooms["plain"], wanted[:before], SECONDS)
        emitted = time.monotonic() - started
        lines = []
        for name, id in rooms.items():
            self.wait_for(id, wanted, SECONDS)
            lines.append(self.judge(name, id, wanted))
        lines.append(f"faults {faults}, emitted in {emitted:.0f} s, seed {seed}")
        print(*lines, sep="\n", file=sys.stderr)
        # Another event, so that nothing is still on its way.
        (last,) = self.emit(upload("the-last-one"))
        for id in rooms.values():
            self.wait_for(id, [last], SECONDS)
            self.assert_exactly(id, [*wanted, last])
            self.assertEqual(self.ada.undecrypted(id), [])

    def kinds(self) -> dict:
        return {
            "mirk killed": self.kill_mirk,
            "relay killed": self.kill_relay,
            "homeserver killed": self.kill_homeserver,
        }

    def kill_mirk(self):
        self.mirk.kill()
        self.mirk.run()

    def kill_relay(self):
        self.relay.kill()
        self.relay.start()

    def kill_homeserver(self):
        self.synapse.kill()
        self.synapse.start()

    def judge(self, name: str, id: str, wanted: list) -> str:
        messages = self.posts(id)
        shown = digests(messages)
        first = [digest for at, digest in enumerate(shown) if digest not in shown[:at]]
        places = {digest: at for at, digest in enumerate(wanted)}
        order = [places[digest] for digest in first if digest in places]
        inversions = sum(a > b for a, b in zip(order, order[1:]))
        return (
            f"{name}: {len(wanted)} events, {len(messages)} messages, "
            f"{len(set(wanted) - set(shown))} lost, {len(shown) - len(set(shown))} doubled, "
            f"{inversions} out of order"
        )
