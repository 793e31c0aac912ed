"""Mirk that is killed at any step of its work says everything once."""

from matrixtest import SENDS, SHARES, MatrixTest, room, start_server, stop_server

from harness import until

# Beyond the 20 hours in which Mirk trusts the server to know a transaction id.
LONG_AGO = 21 * 3600


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Crash:
    """The same in plain and in encrypted rooms."""

    is_encrypted = False

    def setUp(self):
        super().setUp()
        self.room, self.proxy = self.new_room(self.is_encrypted), self.new_proxy()
        self.start_mirk(room(self.room), self.proxy.url)
        self.wait_for_bot(self.room)
        self.first = self.uploads(1)
        self.wait_for(self.room, self.first)

    def test_killed_before_the_request_reaches_the_server(self):
        hold = self.proxy.hold_request(SENDS)
        wanted = self.first + self.uploads(3)
        hold.wait()
        self.mirk.kill()
        hold.drop()
        self.mirk.start()
        self.assert_shows(self.room, wanted)

    def test_killed_before_the_request_reaches_the_server_which_it_does_after_the_restart(self):
        hold = self.proxy.hold_request(SENDS)
        wanted = self.first + self.uploads(3)
        hold.wait()
        self.mirk.kill()
        self.mirk.start()
        self.wait_for(self.room, wanted)
        hold.release()
        self.assert_shows(self.room, wanted)

    def test_killed_when_the_server_took_the_message_and_the_answer_is_on_its_way(self):
        hold = self.proxy.hold_answer(SENDS)
        wanted = self.first + self.uploads(3)
        self.assertEqual(hold.wait().status, 200)
        self.mirk.kill()
        hold.drop()
        self.mirk.start()
        self.assert_shows(self.room, wanted)

    def test_killed_right_after_the_answer(self):
        wanted = self.first
        for _ in range(4):
            hold = self.proxy.hold_answer(SENDS)
            wanted = wanted + self.uploads(2)
            hold.wait()
            hold.release()
            self.mirk.kill()
            self.mirk.start()
        self.assert_shows(self.room, wanted)

    def test_killed_again_and_again_wherever_it_is(self):
        wanted = self.first
        for round in range(4):
            wanted = wanted + self.uploads(10)
            # Each time a bit further on.
            self.wait_for(self.room, wanted[: -10 + 2 * round])
            self.mirk.kill()
            self.mirk.start()
        self.assert_shows(self.room, wanted)

    def test_killed_together_with_the_relay(self):
        hold = self.proxy.hold_answer(SENDS)
        wanted = self.first + self.uploads(5)
        hold.wait()
        self.relay.kill()
        self.mirk.kill()
        hold.drop()
        self.mirk.run()
        self.relay.start()
        self.assert_shows(self.room, wanted)

    def test_killed_together_with_the_homeserver(self):
        hold = self.proxy.hold_answer(SENDS)
        wanted = self.first + self.uploads(5)
        hold.wait()
        self.synapse.kill()
        self.mirk.kill()
        hold.drop()
        self.mirk.run()
        self.synapse.start()
        self.assert_shows(self.room, wanted, 120)

    def test_a_message_whose_transaction_id_the_server_has_forgotten_is_found_in_the_room(self):
        hold = self.proxy.hold_answer(SENDS)
        (lost,) = self.uploads(1)
        txn = hold.wait().txn
        self.mirk.kill()
        hold.drop()
        self.let_the_server_forget()
        self.mirk.start()
        messages = self.assert_shows(self.room, [*self.first, lost])
        self.assertEqual(messages[-1].content["org.laniakea.mirk"]["txn"], txn)
        self.assertEqual(len([request for request in self.proxy.seen(SENDS) if request.txn == txn]), 1)

    def test_an_old_attempt_that_never_reached_the_server_is_made_again(self):
        hold = self.proxy.hold_request(SENDS)
        (lost,) = self.uploads(1)
        hold.wait()
        self.mirk.kill()
        hold.drop()
        self.let_the_server_forget()
        self.mirk.start()
        self.assert_shows(self.room, [*self.first, lost])

    def test_somebody_elses_message_that_names_the_transaction_id_is_not_taken_for_mirks(self):
        hold = self.proxy.hold_request(SENDS)
        (lost,) = self.uploads(1)
        txn = hold.wait().txn
        self.mirk.kill()
        hold.drop()
        self.ada.send(self.room, "forged", **{"org.laniakea.mirk": {"events": [lost], "txn": txn}})
        self.let_the_server_forget()
        self.mirk.start()
        self.assert_shows(self.room, [*self.first, lost])

    def let_the_server_forget(self):
        """As if Mirk had been off for a day."""
        self.synapse.stop()
        self.assertGreaterEqual(self.synapse.forget_transactions(), 1)
        # Whether that column counts seconds or milliseconds is Mirk's business.
        moved = self.mirk.execute(
            "UPDATE message SET attempted = attempted - ? * (CASE WHEN attempted > 100000000000 THEN 1000 ELSE 1 END)"
            " WHERE attempted IS NOT NULL AND sent IS NULL",
            LONG_AGO,
        )
        self.assertEqual(moved, 1)
        self.synapse.start()


class PlainCrash(Crash, MatrixTest):
    pass


class EncryptedCrash(Crash, MatrixTest):
    is_encrypted = True

    def test_killed_while_it_shares_the_keys_of_a_message(self):
        for stop in (self.proxy.hold_request, self.proxy.hold_answer):
            with self.subTest(stop=stop.__name__):
                # Somebody new, with whom the key has to be shared.
                bob = self.new_reader("bob")
                self.ada.invite(self.room, bob.user)
                hold = stop(SHARES)
                bob.join(self.room, is_encrypted=True)
                # Mirk knows of it when it answers what comes after.
                self.ada.send(self.room, "!mirk help")
                hold.wait()
                self.mirk.kill()
                hold.drop()
                self.mirk.start()
                wanted = self.uploads(2)
                self.wait_for(self.room, wanted)
                until("both at the new one", lambda: len(self.readable(bob)) >= 2)
                self.assertEqual(self.ada.undecrypted(self.room), [])

    def readable(self, bob) -> list:
        return self.posts(self.room, bob)
