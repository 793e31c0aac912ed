"""The homeserver does what the other tests take for granted, with a client in Mirk's place."""

from matrixtest import SENDS, Message, ServerTest, problems, start_server, stop_server
from matrixtest.http import HttpError, quote, request

from harness import until


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Harness(ServerTest):
    def setUp(self):
        super().setUp()
        self.ada, self.bob = self.new_reader("ada"), self.new_reader("bob")

    def put(self, base: str, room: str, txn: str, body: str, seconds: float = 30) -> str:
        """What a bot does: a message with a transaction id of its own."""
        path = f"/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/{txn}"
        content = {"msgtype": "m.notice", "body": body}
        return request(base, "PUT", path, content, self.bob.client.access_token, seconds)["event_id"]

    def room_of_both(self, **more) -> str:
        room = self.ada.create_room(invite=[self.bob.user], **more)
        self.bob.join(room, more.get("is_encrypted", False))
        return room

    def bodies(self, room: str) -> list:
        return [message.body for message in self.ada.messages(room)]

    def test_an_encrypted_message_arrives_decrypted_and_is_stored_encrypted(self):
        room = self.room_of_both(is_encrypted=True)
        content = {"m.mentions": {}, "org.laniakea.mirk": {"events": ["x"], "txn": "y"}}
        sent = self.bob.send(room, "secret", **content)
        until("the message", lambda: self.bodies(room) == ["secret"])
        (message,) = self.ada.messages(room)
        self.assertEqual((message.id, message.is_encrypted), (sent, True))
        self.assertEqual({key: message.content[key] for key in content}, content)
        self.assertEqual(self.ada.stored_event(room, sent)["type"], "m.room.encrypted")
        answer = self.ada.reply(room, sent, "read")
        until("the answer", lambda: "read" in [message.body for message in self.bob.messages(room)])
        last = self.bob.messages(room)[-1]
        self.assertEqual(last.content["m.relates_to"], {"m.in_reply_to": {"event_id": sent}})
        self.assertEqual(last.id, answer)

    def test_one_transaction_id_makes_one_message_also_after_a_restart(self):
        room = self.room_of_both()
        first = self.put(self.synapse.url, room, "one", "first")
        self.synapse.kill()
        self.synapse.start()
        self.assertEqual(self.put(self.synapse.url, room, "one", "again"), first)
        self.put(self.synapse.url, room, "two", "second")
        until("both", lambda: self.bodies(room) == ["first", "second"])

    def test_a_server_that_forgot_the_transaction_id_takes_the_message_again(self):
        room = self.room_of_both()
        first = self.put(self.synapse.url, room, "one", "first")
        self.synapse.stop()
        self.assertGreaterEqual(self.synapse.forget_transactions(), 1)
        self.synapse.start()
        self.assertNotEqual(self.put(self.synapse.url, room, "one", "first"), first)
        until("both", lambda: self.bodies(room) == ["first", "first"])

    def test_a_request_that_is_held_before_the_server_and_dropped_does_nothing(self):
        room, proxy = self.room_of_both(), self.new_proxy()
        hold = proxy.hold_request(SENDS)
        with self.background(self.put, proxy.url, room, "one", "lost") as outcome:
            self.assertEqual(hold.wait().txn, "one")
            hold.drop()
        self.assertIsInstance(outcome.error, OSError)
        self.put(proxy.url, room, "two", "kept")
        until("the second one", lambda: self.bodies(room) == ["kept"])

    def test_an_answer_that_is_held_and_dropped_leaves_the_message_there(self):
        room, proxy = self.room_of_both(), self.new_proxy()
        hold = proxy.hold_answer(SENDS)
        with self.background(self.put, proxy.url, room, "one", "kept") as outcome:
            self.assertEqual(hold.wait().status, 200)
            until("the message", lambda: self.bodies(room) == ["kept"])
            hold.drop()
        self.assertIsInstance(outcome.error, OSError)

    def test_an_answer_to_what_came_before_passes(self):
        room, proxy = self.room_of_both(), self.new_proxy()
        earlier = proxy.hold_request(SENDS)
        with self.background(self.put, proxy.url, room, "one", "kept") as outcome:
            earlier.wait()
            later = proxy.hold_answer(SENDS)
            earlier.release()
        self.assertIsNone(outcome.error)
        self.assertEqual(later.stopped, [])

    def test_a_held_request_goes_on_when_it_is_released(self):
        room, proxy = self.room_of_both(), self.new_proxy()
        hold = proxy.hold_request(SENDS)
        with self.background(self.put, proxy.url, room, "one", "kept") as outcome:
            hold.wait()
            self.assertEqual(self.ada.messages(room), [])
            hold.release()
        self.assertIsNone(outcome.error)
        until("the message", lambda: self.bodies(room) == ["kept"])

    def test_the_proxy_answers_in_the_servers_place_and_cuts_connections(self):
        room, proxy = self.room_of_both(), self.new_proxy()
        rule = proxy.limit(SENDS, retry_after_ms=70, times=2)
        for _ in range(2):
            with self.assertRaises(HttpError) as refused:
                self.put(proxy.url, room, "one", "x")
            self.assertEqual(
                (refused.exception.status, refused.exception.answer["retry_after_ms"]), (429, 70)
            )
        self.assertEqual(rule.given, 2)
        proxy.cut()
        with self.assertRaises(OSError):
            self.put(proxy.url, room, "one", "x")
        proxy.mend()
        self.put(proxy.url, room, "one", "x")
        self.assertEqual([r.status for r in proxy.seen(SENDS)], [429, 429, 200])

    def test_an_upgraded_room_points_to_the_one_that_follows(self):
        room = self.room_of_both()
        new = self.ada.upgrade(room)
        self.assertEqual(self.ada.state(room, "m.room.tombstone")["replacement_room"], new)
        self.assertEqual(self.ada.membership(new, self.bob.user), "")

    def test_the_check_of_messages_finds_what_it_is_for(self):
        bad = {
            "<script>x</script>": "tag: script",
            '<a href="https://evil.example/">x</a>': "href: https://evil.example/",
            '<a href="https://events.example.org.evil.example/">x</a>': "href: ",
            '<b onclick="x">x</b>': "attribute of b: onclick",
            '<font color="url(x)">x</font>': "color: url(x)",
            "x&#x202e;": "text has U+202E",
            "x\x1b": "formatted_body has U+001B",
            "<b>x": "not closed: b",
            "</b>x": "closed at the wrong place: b",
            "<!-- x -->": "comment: ",
            "x" * 4097: "formatted_body: 4097 bytes",
            "": "formatted_body: ''",
        }
        for html, wanted in bad.items():
            found = problems(self.message(html))
            self.assertTrue(any(problem.startswith(wanted) for problem in found), (html[:80], found))
        good = '<b>x</b> &lt;script&gt;<br><a href="https://events.example.org/x">y</a> <font color="#ff0000" data-mx-color="#ff0000">!</font>'
        self.assertEqual(problems(self.message(good)), [])

    def message(self, html: str) -> Message:
        content = {"msgtype": "m.notice", "body": "x", "formatted_body": html, "m.mentions": {}}
        return Message("$x", "!x", "@x:y", "m.room.message", content, False)
