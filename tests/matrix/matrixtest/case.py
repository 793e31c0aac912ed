"""A test with a homeserver, a relay and Mirk."""

import contextlib
import json
import sys
import threading
import types

from harness import Key, Relay, RelayTest, digest, until

from .content import digests, events_of, problems, replies_to
from .emitted import upload
from .mirk import Mirk
from .proxy import Proxy
from .reader import Message, Reader
from .synapse import Synapse

# One of these serves a test module, since its start takes seconds.
SERVERS = []
SECONDS = 60


def start_server(rate: tuple = None) -> Synapse:
    """For setUpModule."""
    SERVERS.append(Synapse(rate))
    try:
        return SERVERS[-1].start()
    except BaseException:
        # unittest does not call tearDownModule when setUpModule failed.
        print(*SERVERS[-1].log(), sep="\n", file=sys.stderr)
        stop_server()
        raise


def stop_server():
    """For tearDownModule."""
    SERVERS.pop().close()


class _LogOfFailures:
    """Prints what ran beside a test that failed."""

    def run(self, result=None):
        failures = lambda: len(result.failures) + len(result.errors)
        before = failures()
        super().run(result)
        if failures() > before:
            for what, lines in self.logs:
                print(f"the log of {what} of {self.id()}:", *lines, sep="\n", file=sys.stderr)
        return result


class ServerTest(_LogOfFailures, RelayTest):
    """A test with the module's homeserver, and no relay yet."""

    def setUp(self):
        self.relays, self.logs = [], []
        self.synapse = SERVERS[-1]
        self.addCleanup(lambda: self.keep_log("Synapse", self.synapse.log(60)))

    def keep_log(self, what: str, lines: list):
        self.logs.append((what, lines))

    def new_reader(self, name: str = "ada") -> Reader:
        reader = Reader(self.synapse, name)
        self.addCleanup(reader.close)
        self.addCleanup(
            lambda: reader.errors and self.keep_log(f"{reader.user}'s client", reader.errors[-5:])
        )
        return reader

    @contextlib.contextmanager
    def background(self, function, *arguments):
        """Runs a function beside the block; what it gave or raised is known after it."""
        outcome = types.SimpleNamespace(result=None, error=None)

        def run():
            try:
                outcome.result = function(*arguments)
            except Exception as error:
                outcome.error = error

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield outcome
        thread.join(SECONDS)
        self.assertFalse(thread.is_alive())

    def new_proxy(self) -> Proxy:
        proxy = Proxy(self.synapse)
        self.addCleanup(proxy.close)
        self.addCleanup(lambda: self.keep_log("the proxy", proxy.log()))
        return proxy


class MatrixTest(ServerTest):
    """Each test has a relay, a reader `ada`, who may command, and an account for the bot."""

    def setUp(self):
        super().setUp()
        self.jobs, self.guest = Key("jobs-01"), Key("guest-01")
        self.relay = self.start_relay()
        # An endpoint that stays when the relay is started again.
        self.submitter = self.relay.submitter(self.relay.ipc("submit"))
        self.ada = self.new_reader()
        self.bot = self.synapse.register(self.synapse.new_name("mirk"))
        self.mirk = None

    def prepare_relay(self) -> Relay:
        relay = super().prepare_relay()
        relay.trust(self.jobs, "_lk.jobs.")
        relay.trust(self.guest, "_lk.archive.")
        return relay

    # Mirk

    def new_mirk(self, rooms: str, homeserver: str = None, **settings) -> Mirk:
        """A Mirk of the test's account that has not logged in yet."""
        settings.setdefault("allowed_users", [self.ada.user])
        mirk = Mirk(homeserver or self.synapse.url, self.relay, rooms, self.bot, **settings)
        self.addCleanup(mirk.close)
        self.addCleanup(lambda: self.keep_log("Mirk", mirk.log()))
        return mirk

    def start_mirk(self, rooms: str, homeserver: str = None, **settings) -> Mirk:
        """A running Mirk as `self.mirk`."""
        self.mirk = self.new_mirk(rooms, homeserver, **settings)
        self.mirk.login()
        return self.mirk.start()

    def new_room(self, is_encrypted: bool = False, **more) -> str:
        """A room of Ada's that the bot is invited to."""
        return self.ada.create_room(is_encrypted, invite=[self.bot], **more)

    def wait_for_bot(self, *rooms: str):
        for room in rooms:
            self.ada.wait_for_member(room, self.bot)

    # Events

    def emit(self, *events: bytes) -> list:
        """Has the relay take events; returns their digests."""
        names = []
        for event in events:
            reply = self.submitter.submit(event)
            self.assertTrue(reply["ok"], reply)
            names.append(digest(json.loads(event)))
        return names

    def uploads(self, count: int, **data) -> list:
        """So many uploads, one after the other; returns their digests."""
        return self.emit(*(upload(f"package-{number}", **data) for number in range(count)))

    # What is in the rooms

    def posts(self, room: str, reader: Reader = None) -> list:
        """The bot's messages about events, edits left out."""
        messages = (reader or self.ada).messages(room, self.bot)
        return [message for message in messages if events_of(message)]

    def shown(self, room: str) -> list:
        """The digests that the bot's messages are about."""
        return digests(self.ada.messages(room, self.bot))

    def wait_for(self, room: str, wanted: list, seconds: float = SECONDS) -> list:
        """Until the room shows these events, whatever else it shows; returns the bot's messages
        about events."""

        def is_there():
            return set(wanted) <= set(self.shown(room)) or self.is_dead()

        try:
            until(f"{len(wanted)} events in the room", is_there, seconds)
        except AssertionError as error:
            shown = self.shown(room)
            lacking = [number for number, name in enumerate(wanted) if name not in shown]
            there = [wanted.index(name) if name in wanted else name[:8] for name in shown]
            raise AssertionError(f"{error}; these lack: {lacking}; these are there: {there}") from None
        return self.posts(room)

    def ask(self, room: str, command: str, reader: Reader = None, reply_to: str = None, **content) -> Message:
        """Gives a command and returns the answer."""
        reader = reader or self.ada
        if reply_to:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
        return self.answer_to(room, reader.send(room, command, **content))

    def answer_to(self, room: str, command: str) -> Message:
        """The answer to a command, by the command's event id, once it is there."""
        until("an answer", lambda: self.answers(room, command) or self.is_dead(), SECONDS)
        (answer,) = self.answers(room, command)
        return answer

    def answers(self, room: str, command: str) -> list:
        return [m for m in self.ada.messages(room, self.bot) if replies_to(m) == command]

    def is_dead(self) -> bool:
        """Fails if Mirk ended while somebody waits for it."""
        if self.mirk and self.mirk.programs and not self.mirk.program.is_running():
            self.fail(f"mirk ended with {self.mirk.program.process.returncode}")
        return False

    def assert_shows(self, room: str, wanted: list, seconds: float = SECONDS) -> list:
        """The room shows these events, in this order, each once, and nothing else: also after
        another event that is emitted now, so that nothing is still on its way."""
        self.wait_for(room, wanted, seconds)
        (last,) = self.emit(upload("the-last-one"))
        self.wait_for(room, [last], seconds)
        self.assert_exactly(room, [*wanted, last])
        self.assertEqual(self.ada.undecrypted(room), [])
        messages = self.posts(room)
        is_encrypted = self.ada.client.rooms[room].encrypted
        self.assertEqual({message.is_encrypted for message in messages}, {is_encrypted})
        txns = [message.content["org.laniakea.mirk"]["txn"] for message in messages]
        self.assertEqual(len(set(txns)), len(txns), "a transaction id was used twice")
        return messages[:-1]

    def assert_exactly(self, room: str, wanted: list):
        """The room shows these events and no other now, in this order, each once."""
        # By their numbers: digests tell a reader nothing.
        shown = [wanted.index(name) if name in wanted else name for name in self.shown(room)]
        self.assertEqual(shown, [*range(len(wanted))])

    def assert_clean(self, messages: list):
        """No message holds what data must not bring about."""
        found = {message.id: problems(message) for message in messages}
        self.assertEqual({id: list for id, list in found.items() if list}, {})
