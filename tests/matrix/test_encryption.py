"""In encrypted rooms people read every message and the server none."""

import base64
import json

import nacl.signing
from matrixtest import SENDS, MatrixTest, room, start_server, stop_server

from harness import canonical, until


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Encryption(MatrixTest):
    def setUp(self):
        super().setUp()
        self.room = self.new_room(is_encrypted=True)

    def assert_stored_encrypted(self, messages: list):
        for message in messages:
            stored = self.ada.stored_event(self.room, message.id)
            self.assertEqual(stored["type"], "m.room.encrypted")
            self.assertEqual(stored["content"]["algorithm"], "m.megolm.v1.aes-sha2")
            self.assertNotIn("package-", json.dumps(stored))

    def test_events_arrive_decrypted_in_order_and_once_and_are_stored_encrypted(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(8)
        messages = self.assert_shows(self.room, wanted)
        self.assert_clean(messages)
        self.assertTrue(all(message.is_encrypted for message in messages))
        self.assertTrue(all(message.content["msgtype"] == "m.notice" for message in messages))
        self.assert_stored_encrypted(messages)

    def test_nothing_of_the_events_goes_over_the_wire(self):
        proxy = self.new_proxy()
        self.start_mirk(room(self.room), proxy.url)
        (name,) = self.uploads(1)
        self.assert_shows(self.room, [name])
        self.assertGreater(len(proxy.seen(SENDS)), 0)
        for request in proxy.requests:
            self.assertNotIn(b"package-0", request.body, request.line)
            self.assertNotIn(name.encode(), request.body, request.line)

    def test_who_joins_later_reads_what_follows(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(2)
        self.wait_for(self.room, wanted)
        bob = self.new_reader("bob")
        self.ada.invite(self.room, bob.user)
        bob.join(self.room, is_encrypted=True)
        # Mirk has to have seen it: nobody encrypts for a member of whom the homeserver has not told.
        self.ask(self.room, "!mirk help")
        later = self.uploads(3)
        read = lambda: [
            name
            for message in self.posts(self.room, bob)
            for name in message.content["org.laniakea.mirk"]["events"]
        ]
        until("what follows at the one who joined", lambda: read() == later)
        self.assert_shows(self.room, wanted + later)

    def test_what_follows_is_not_encrypted_for_who_left(self):
        bob = self.new_reader("bob")
        self.ada.invite(self.room, bob.user)
        bob.join(self.room, is_encrypted=True)
        self.start_mirk(room(self.room))
        wanted = self.uploads(2)
        self.wait_for(self.room, wanted)
        until("the messages at the other", lambda: len(self.posts(self.room, bob)) == 2)
        self.ada.kick(self.room, bob.user)
        # Mirk has to have seen it: it answers what comes after.
        self.ask(self.room, "!mirk help")
        later = self.uploads(1)
        (message,) = self.wait_for(self.room, later)[-1:]
        raw = self.ada.stored_event(self.room, message.id)["content"]
        before = self.ada.stored_event(self.room, self.posts(self.room)[0].id)["content"]
        self.assertNotEqual(raw["session_id"], before["session_id"])

    def test_a_room_that_becomes_encrypted_gets_encrypted_messages_from_then_on(self):
        plain = self.new_room()
        self.start_mirk(room(plain))
        wanted = self.uploads(2)
        self.wait_for(plain, wanted)
        self.ada.set_state(plain, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
        self.ask(plain, "!mirk help")
        wanted += self.uploads(2)
        messages = self.wait_for(plain, wanted)
        self.assertEqual([message.is_encrypted for message in messages], [False, False, True, True])

    def test_a_restart_keeps_the_device_and_its_keys(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(3)
        self.wait_for(self.room, wanted)
        before = self.ada.keys_of(self.bot)["devices"]
        self.assertEqual(len(before), 1)
        self.mirk.restart()
        wanted += self.uploads(3)
        self.mirk.kill()
        self.mirk.start()
        wanted += self.uploads(3)
        self.assert_shows(self.room, wanted)
        keys = lambda devices: {name: device["keys"] for name, device in devices.items()}
        self.assertEqual(keys(self.ada.keys_of(self.bot)["devices"]), keys(before))

    def test_the_device_is_signed_by_the_accounts_own_key(self):
        self.start_mirk(room(self.room))
        assert_cross_signed(self, self.ada.keys_of(self.bot), self.bot)

    def test_commands_are_understood_and_answered_encrypted(self):
        self.start_mirk(room(self.room))
        self.wait_for_bot(self.room)
        answer = self.ask(self.room, "!mirk help")
        self.assertTrue(answer.is_encrypted)
        self.assertIn("status", answer.body)

    def test_a_restart_of_the_homeserver_leaves_everything_readable(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(3)
        self.wait_for(self.room, wanted)
        self.synapse.restart()
        wanted += self.uploads(3)
        self.assert_shows(self.room, wanted, 120)


def assert_cross_signed(test, keys: dict, user: str, device: str = None):
    """A device is signed by the self-signing key, and that by the master key; both by whoever has
    the secret halves."""
    devices = keys["devices"]
    device = device or next(iter(devices))
    (self_signing,) = keys["self_signing_keys"]["keys"].items()
    (master,) = keys["master_keys"]["keys"].items()
    for signed, (name, key) in ((devices[device], self_signing), (keys["self_signing_keys"], master)):
        signature = signed["signatures"][user].get(name)
        test.assertIsNotNone(signature, f"not signed by {name}: {signed['signatures']}")
        covered = {member: signed[member] for member in signed if member not in ("signatures", "unsigned")}
        public = nacl.signing.VerifyKey(base64.b64decode(key + "="))
        public.verify(canonical(covered), base64.b64decode(signature + "=="))
