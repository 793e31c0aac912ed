"""Mirk follows the stream over encrypted endpoints, with a key that the relay knows."""

from matrixtest import MatrixTest, room, start_server, stop_server

from harness import Key, Relay


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class EncryptedStream(MatrixTest):
    def prepare_relay(self) -> Relay:
        relay = Relay(limits=self.limits, has_curve=True)
        self.relays.append(relay)
        self.addCleanup(relay.close)
        self.key = Key("mirk-01", has_curve=True)
        self.key_file = relay.trust(self.key)
        return relay

    def test_events_reach_the_room_until_the_key_is_revoked_and_again_once_it_is_trusted(self):
        name = self.new_room()
        secret = self.key.write_secret(self.relay.directory / "mirk.key_secret")
        stream = {
            "publish": self.relay.curve_publish,
            "replay": self.relay.curve_replay,
            "server_key": self.relay.key.curve[0],
            "key_file": str(secret),
        }
        mirk = self.start_mirk(room(name), stream=stream)
        first = self.uploads(3)
        self.wait_for(name, first)
        self.key_file.unlink()
        mirk.programs[-1].line("does not trust this key")
        more = self.uploads(2)
        self.relay.trust(self.key)
        self.assert_shows(name, first + more)
