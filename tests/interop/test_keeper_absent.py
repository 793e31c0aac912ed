"""What did not come is missed also where nothing comes because the connection is dead."""

import time
from datetime import datetime, timezone

from harness import KeeperTest, until
from harness.keeper import ARCHIVE

PUBLISHED = "_lk.archive.repository-published"


class Absent(KeeperTest):
    def test_an_absence_is_told_over_a_dead_connection(self):
        """The relay answers on; nothing is published any more."""
        seen, missed = self.directory / "seen", self.directory / "missed"
        touch = lambda path: f'exec = {{ command = ["/usr/bin/touch", "{path}"] }}\n'
        self.configure(
            rules=f'[[rule]]\nname = "seen"\non = "{PUBLISHED}"\n{touch(seen)}'
            f'[[rule]]\nname = "quiet"\nabsent = {{ of = "{PUBLISHED}", within = "6s" }}\n{touch(missed)}'
        )
        keeper = self.start()
        self.relay.wait_for_subscriptions(1)
        now = datetime.now(timezone.utc)
        received = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        self.relay.send_live(self.relay.append(ARCHIVE.event(PUBLISHED), received))
        until("the event to be taken", seen.exists)
        # A subscription looks into the journal for the last time 300 ms after it has connected.
        settled = time.monotonic() + 1
        until("keeper to settle", lambda: time.monotonic() > settled)
        self.relay.live.close(0)
        keeper.line("disconnected from the relay")
        self.assertFalse(missed.exists(), "there was time for that")
        until("the absence", missed.exists)
