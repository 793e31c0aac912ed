"""Runs the interoperation tests' relay of the old kind by itself: python_relay.py KEY_FILE

It trusts the owner of the secret key, and prints `ready SUBMIT PUBLISH`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

from harness import Key, PythonLighthouse

ANY = "tcp://127.0.0.1:*"

relay = PythonLighthouse(Key.load(Path(sys.argv[1])), endpoints=(ANY, ANY))
print("ready", relay.submit, relay.publish, flush=True)
relay.thread.join()
