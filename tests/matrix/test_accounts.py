"""Logging in, what it leaves on disk, and what Mirk refuses to begin with."""

import shutil
import stat

from matrixtest import SENDS, MatrixTest, room, start_server, stop_server
from matrixtest.synapse import PASSWORD
from test_encryption import assert_cross_signed

NEW_DEVICE = "mirk login --new-device"


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Accounts(MatrixTest):
    def setUp(self):
        super().setUp()
        self.room = self.new_room(is_encrypted=True)

    def mode(self, path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    def assert_refuses_to_run(self, hint: str = None):
        """`mirk run` ends by itself, with 2, and says what to do."""
        program = self.mirk.run()
        self.assertEqual(program.wait(60), 2, program.err)
        text = "\n".join(program.err)
        self.assertIn("error: ", text)
        if hint:
            hints = [line for line in program.err if line.startswith("hint: ")]
            self.assertTrue(any(hint in line for line in hints), program.err)

    # Logging in

    def test_a_login_leaves_secrets_that_the_owner_alone_can_read(self):
        self.mirk = self.new_mirk(room(self.room))
        self.mirk.login()
        for path in (self.mirk.data / "session.json", self.mirk.data / "store.key", self.mirk.recovery_key):
            self.assertEqual((path.name, oct(self.mode(path))), (path.name, oct(0o600)))
        self.assertEqual(self.mode(self.mirk.store()) & 0o077, 0)
        printed = "\n".join(self.mirk.log())
        for secret in (self.mirk.password, self.mirk.recovery_key.read_text().strip()):
            self.assertNotIn(secret, printed.replace(f"{self.mirk.directory}", ""))

    def test_a_login_by_password_makes_a_device_that_the_account_signed(self):
        self.mirk = self.new_mirk(room(self.room))
        self.mirk.login()
        keys = self.ada.keys_of(self.bot)
        self.assertEqual(len(keys["devices"]), 1)
        assert_cross_signed(self, keys, self.bot)

    def test_a_login_by_token_works(self):
        token = self.synapse.login(self.bot)["access_token"]
        self.mirk = self.new_mirk(room(self.room))
        self.mirk.write_config()
        program = self.mirk.command(
            "login", "--config", self.mirk.config, "--token-file", self.mirk.secret_file("token", token),
            "--recovery-key-file", self.mirk.recovery_key,
        )  # fmt: skip
        self.assertEqual(program.process.returncode, 0, program.err)
        self.mirk.start()
        self.assert_shows(self.room, self.uploads(2))

    def test_a_wrong_password_is_said_and_leaves_nothing(self):
        self.mirk = self.new_mirk(room(self.room))
        self.mirk.password = "wrong"
        self.mirk.write_config()
        program = self.mirk.command(*self.mirk.login_arguments())
        self.assertNotEqual(program.process.returncode, 0)
        self.assertIn("error: ", "\n".join(program.err))
        self.assertFalse((self.mirk.data / "session.json").exists())
        self.mirk.password = PASSWORD
        self.mirk.login()

    def test_a_second_login_is_refused_and_the_first_stays(self):
        self.mirk = self.new_mirk(room(self.room))
        self.mirk.login()
        before = (self.mirk.data / "session.json").read_bytes()
        program = self.mirk.command(*self.mirk.login_arguments())
        self.assertNotEqual(program.process.returncode, 0)
        self.assertEqual((self.mirk.data / "session.json").read_bytes(), before)
        self.mirk.start()
        self.assert_shows(self.room, self.uploads(1))

    def test_without_a_login_mirk_does_not_run(self):
        self.mirk = self.new_mirk(room(self.room))
        self.assert_refuses_to_run("mirk login")

    def test_a_second_mirk_on_the_same_data_does_not_run(self):
        self.start_mirk(room(self.room))
        program = self.mirk.command("run", "--config", self.mirk.config)
        self.assertNotEqual(program.process.returncode, 0)
        self.assertIn("error: ", "\n".join(program.err))
        self.assert_shows(self.room, self.uploads(1))

    def test_a_token_that_is_valid_no_more_is_said_and_nothing_is_lost(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(2)
        self.wait_for(self.room, wanted)
        self.mirk.stop()
        wanted += self.uploads(2)
        self.synapse.reset_password(self.bot)
        self.assert_refuses_to_run("mirk login")
        self.new_device()
        self.mirk.start()
        self.assert_shows(self.room, wanted)

    # What must not be used

    def test_secrets_that_others_can_read_are_refused(self):
        self.mirk = self.new_mirk(room(self.room))
        self.mirk.login()
        for name in ("session.json", "store.key"):
            with self.subTest(name):
                path = self.mirk.data / name
                path.chmod(0o640)
                self.assert_refuses_to_run()
                self.assertIn(name, "\n".join(self.mirk.program.err))
                path.chmod(0o600)
        self.mirk.start()
        self.assert_shows(self.room, self.uploads(1))

    def test_a_store_that_is_gone_is_refused_and_a_new_device_goes_on(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(2)
        self.wait_for(self.room, wanted)
        self.mirk.stop()
        shutil.rmtree(self.mirk.store())
        self.assert_refuses_to_run(NEW_DEVICE)
        # Refused again: that it was refused has made nothing that looks like a store.
        self.assert_refuses_to_run(NEW_DEVICE)
        wanted += self.uploads(2)
        self.new_device()
        self.mirk.start()
        self.assert_shows(self.room, wanted)

    def test_an_older_copy_of_the_store_is_refused_and_a_new_device_goes_on(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(1)
        self.wait_for(self.room, wanted)
        self.mirk.stop()
        store = self.mirk.store()
        copy = self.mirk.directory / "backup"
        shutil.copytree(store, copy)
        self.mirk.start()
        wanted += self.uploads(3)
        self.wait_for(self.room, wanted)
        self.mirk.stop()
        shutil.rmtree(store)
        shutil.copytree(copy, store)
        self.assert_refuses_to_run(NEW_DEVICE)
        self.new_device()
        self.mirk.start()
        self.assert_shows(self.room, wanted)

    def test_an_older_copy_of_the_store_is_refused_after_a_kill_too(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(1)
        self.wait_for(self.room, wanted)
        self.mirk.kill()
        store = self.mirk.store()
        copy = self.mirk.directory / "backup"
        shutil.copytree(store, copy)
        self.mirk.start()
        wanted += self.uploads(1)
        self.wait_for(self.room, wanted)
        self.mirk.kill()
        shutil.rmtree(store)
        shutil.copytree(copy, store)
        self.assert_refuses_to_run(NEW_DEVICE)

    def test_a_store_key_that_is_not_the_stores_is_refused(self):
        self.mirk = self.new_mirk(room(self.room))
        self.mirk.login()
        path = self.mirk.data / "store.key"
        content = path.read_bytes()
        path.write_bytes(bytes(reversed(content.strip())) + b"\n")
        self.assert_refuses_to_run()
        path.write_bytes(content)
        self.mirk.start()

    # Another device

    def test_a_new_device_is_signed_with_the_recovery_key_and_the_old_one_is_gone(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(2)
        self.wait_for(self.room, wanted)
        before = self.ada.keys_of(self.bot)
        self.mirk.stop()
        self.new_device()
        after = self.ada.keys_of(self.bot)
        # The same identity, so who verified it need not do so again.
        self.assertEqual(after["master_keys"]["keys"], before["master_keys"]["keys"])
        self.assertFalse(set(before["devices"]) & set(after["devices"]))
        (device,) = after["devices"]
        assert_cross_signed(self, after, self.bot, device)
        self.mirk.start()
        self.assert_shows(self.room, wanted + self.uploads(2))

    def test_a_message_that_was_on_its_way_when_the_device_changed_is_there_once(self):
        proxy = self.new_proxy()
        self.start_mirk(room(self.room), proxy.url)
        wanted = self.uploads(1)
        self.wait_for(self.room, wanted)
        hold = proxy.hold_answer(SENDS)
        wanted += self.uploads(1)
        hold.wait()
        self.mirk.kill()
        hold.drop()
        # The server knows transaction ids by device.
        self.new_device()
        self.mirk.start()
        self.assert_shows(self.room, wanted)

    def new_device(self):
        self.mirk.login("--new-device")
