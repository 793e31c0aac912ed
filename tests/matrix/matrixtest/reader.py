"""Another client in the room: matrix-nio with encryption."""

import asyncio
import dataclasses
import functools
import itertools
import logging
import shutil
import tempfile
import threading

import nio
from nio.exceptions import EncryptionError

from harness import until

from .http import quote, request
from .synapse import PASSWORD

SYNC_MS = 5_000
# It warns of what other versions of the specification have. What matters, tests assert.
logging.getLogger("nio").addHandler(logging.NullHandler())
ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
V3 = "/_matrix/client/v3"


@functools.cache
def loop() -> asyncio.AbstractEventLoop:
    """One loop, in one thread, for the clients of all readers: a store of nio binds its models to its
    database for a call, in the whole process, so that two threads would take each other's away."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="readers", daemon=True).start()
    return loop


@dataclasses.dataclass
class Message:
    """An event of a room as the reader sees it, decrypted where it had to be."""

    id: str
    room: str
    sender: str
    type: str
    content: dict
    is_encrypted: bool
    state_key: str = None

    @property
    def body(self) -> str:
        return self.content.get("body", "")

    @property
    def html(self) -> str:
        return self.content.get("formatted_body", "")


class Reader:
    """A user with a client. Rooms are made and entered over plain HTTP; nio syncs and encrypts."""

    def __init__(self, synapse, name: str = "ada", password: str = PASSWORD):
        self.synapse = synapse
        self.user = synapse.register(synapse.new_name(name), password)
        if synapse.rate:
            synapse.exempt(self.user)
        self.store = tempfile.mkdtemp(prefix="lk-")
        self.txns = itertools.count(1)
        self.errors, self._events, self._gaps = [], {}, []
        self._lock = threading.Lock()
        self.client, self._syncing = self.run(self._login(password))

    def close(self):
        loop().call_soon_threadsafe(self._syncing.cancel)
        self.run(self._end())
        shutil.rmtree(self.store)

    def run(self, coroutine, seconds: float = 60):
        """What a coroutine gives, from the loop of the readers."""
        return asyncio.run_coroutine_threadsafe(coroutine, loop()).result(seconds)

    # Rooms

    def create_room(
        self, is_encrypted: bool = False, is_public: bool = False, alias: str = None, invite=(), **more
    ) -> str:
        """A new room; returns its id once this reader has synced it."""
        body = {"preset": "public_chat" if is_public else "private_chat", "invite": list(invite), **more}
        body["initial_state"] = [*more.get("initial_state", []), *([ENCRYPTION] if is_encrypted else [])]
        if alias:
            body["room_alias_name"] = alias
        room = self.http("POST", "/createRoom", body)["room_id"]
        self.wait_for_room(room, is_encrypted)
        return room

    def wait_for_room(self, room: str, is_encrypted: bool = False):
        """Until this reader's client knows that it is in the room."""

        def is_there():
            known = self.client.rooms.get(room)
            return known is not None and (known.encrypted or not is_encrypted)

        until("the room at the reader", is_there)

    def invite(self, room: str, user: str):
        self.http("POST", f"/rooms/{quote(room)}/invite", {"user_id": user})

    def kick(self, room: str, user: str):
        self.http("POST", f"/rooms/{quote(room)}/kick", {"user_id": user})

    def join(self, room: str, is_encrypted: bool = False):
        self.http("POST", f"/join/{quote(room)}", {})
        self.wait_for_room(room, is_encrypted)

    def upgrade(self, room: str, version: str = "12") -> str:
        """Puts another room in this one's place; returns its id. Members are not taken along."""
        new = self.http("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": version})["replacement_room"]
        self.wait_for_room(new)
        return new

    def set_levels(self, room: str, **levels):
        """Changes the power levels of a room."""
        self.set_state(room, "m.room.power_levels", {**self.state(room, "m.room.power_levels"), **levels})

    def state(self, room: str, type: str, key: str = "") -> dict:
        return self.http("GET", f"/rooms/{quote(room)}/state/{quote(type)}/{quote(key)}")

    def set_state(self, room: str, type: str, content: dict, key: str = ""):
        self.http("PUT", f"/rooms/{quote(room)}/state/{quote(type)}/{quote(key)}", content)

    def membership(self, room: str, user: str) -> str:
        """ "join", "invite", "leave", "ban", or "" for one who never had to do with the room; as far
        as this reader has seen it in its timeline."""
        events = [event for event in self.events(room) if event.type == "m.room.member"]
        return next((event.content["membership"] for event in events[::-1] if event.state_key == user), "")

    def wait_for_member(self, room: str, user: str, membership: str = "join", seconds: float = 60):
        until(f"{user} to be {membership}", lambda: self.membership(room, user) == membership, seconds)

    # Messages

    def send(self, room: str, text: str, **content) -> str:
        """A text message, encrypted if the room is; returns its event id."""
        content = {"msgtype": "m.text", "body": text, **content}
        if not self.client.rooms[room].encrypted:
            path = f"/rooms/{quote(room)}/send/m.room.message/{next(self.txns)}"
            return self.http("PUT", path, content)["event_id"]
        sent = self.run(
            self.client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        )
        assert isinstance(sent, nio.RoomSendResponse), sent
        return sent.event_id

    def reply(self, room: str, event_id: str, text: str) -> str:
        return self.send(room, text, **{"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}})

    def react(self, room: str, event_id: str, key: str) -> str:
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": key}}
        path = f"/rooms/{quote(room)}/send/m.reaction/{next(self.txns)}"
        return self.http("PUT", path, content)["event_id"]

    def events(self, room: str) -> list:
        """All events of a room in the server's order, as far as they have been synced."""
        with self._lock:
            gaps, events = list(self._gaps), list(self._events.get(room, []))
        assert room not in gaps, f"the reader's sync left out some of {room}"
        return [self._message(room, event) for event in events]

    def messages(self, room: str, sender: str = None) -> list:
        """The messages of a room, edits included; of one sender, or of all."""
        types = ("m.room.message", "m.room.encrypted")
        messages = [event for event in self.events(room) if event.type in types]
        return [message for message in messages if sender in (None, message.sender)]

    def undecrypted(self, room: str) -> list:
        """What this reader has no key for."""
        return [message for message in self.events(room) if message.type == "m.room.encrypted"]

    # The server's view

    def http(self, method: str, path: str, body=None, **query) -> dict:
        return request(self.synapse.url, method, V3 + path, body, token=self.client.access_token, **query)

    def stored(self, room: str) -> list:
        """All events of a room as the server has them: the raw JSON, oldest first."""
        events, start = [], {}
        for _ in range(1_000):
            page = self.http("GET", f"/rooms/{quote(room)}/messages", dir="b", limit=500, **start)
            events += page["chunk"]
            if not page.get("end"):
                return events[::-1]
            start = {"from": page["end"]}
        raise AssertionError("a room without a beginning")

    def stored_event(self, room: str, event_id: str) -> dict:
        return self.http("GET", f"/rooms/{quote(room)}/event/{quote(event_id)}")

    def keys_of(self, user: str) -> dict:
        """What /keys/query says about a user, with the devices as `devices`."""
        answer = self.http("POST", "/keys/query", {"device_keys": {user: []}})
        kinds = ("master_keys", "self_signing_keys")
        return {
            "devices": answer["device_keys"].get(user, {}),
            **{kind: answer[kind].get(user) for kind in kinds},
        }

    # Inside

    async def _login(self, password: str):
        config = nio.AsyncClientConfig(encryption_enabled=True, max_timeouts=0, max_limit_exceeded=100)
        client = nio.AsyncClient(self.synapse.url, self.user, store_path=self.store, config=config)
        answer = await client.login(password)
        assert isinstance(answer, nio.LoginResponse), answer
        # Before anybody shares a key with this device, it has to be there.
        await client.keys_upload()
        client.add_response_callback(self._take, nio.SyncResponse)
        await self._sync(client, 0)
        return client, loop().create_task(self._sync_on(client))

    async def _sync(self, client, timeout_ms: int):
        only_timeline = {"room": {"timeline": {"limit": 5_000}}}
        answer = await client.sync(timeout_ms, sync_filter=only_timeline)
        if not isinstance(answer, nio.SyncResponse):
            raise ConnectionError(str(answer))
        await client.run_response_callbacks([answer])
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        await client.send_to_device_messages()

    async def _sync_on(self, client):
        # Ends with the reader: `close` cancels it.
        while True:
            try:
                await self._sync(client, SYNC_MS)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                # The server is away, or on its way up.
                self.errors.append(repr(error))
                await asyncio.sleep(0.1)

    async def _end(self):
        await asyncio.gather(self._syncing, return_exceptions=True)
        await self.client.close()

    async def _take(self, answer):
        with self._lock:
            for room, info in answer.rooms.join.items():
                is_known = room in self._events
                if info.timeline.limited and is_known:
                    self._gaps.append(room)
                self._events.setdefault(room, []).extend(info.timeline.events)

    def _message(self, room: str, event) -> Message:
        is_encrypted = isinstance(event, nio.MegolmEvent) or getattr(event, "decrypted", False)
        if isinstance(event, nio.MegolmEvent):
            event = self.run(self._decrypt(event))
        source = event.source
        content = source.get("content", {})
        return Message(
            source["event_id"],
            room,
            source["sender"],
            source["type"],
            content,
            is_encrypted,
            source.get("state_key"),
        )

    async def _decrypt(self, event):
        # The key may have come after the message.
        try:
            return self.client.decrypt_event(event)
        except EncryptionError:
            return event
