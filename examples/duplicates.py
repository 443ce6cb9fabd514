#!/usr/bin/env python3
"""Finds files with the same content, and shows how a program in any language can support pausing.

    agentctl run --follow examples/duplicates.py src
        agentctl run examples/duplicates.py src 0.5       takes 0.5 s for each file, so that you can pause it by hand

The protocol is JSON-RPC 2.0 over the socket in $AGENTCTL_SOCKET, one message a line. After a program has sent
attempt/hello with its token, a pause reaches it as the notification attempt/pause instead of a signal.
"""

import base64
import hashlib
import json
import os
import socket
import sys
import time


class Attempt:
    """The connection of this program to agentctl."""

    def __init__(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(os.environ["AGENTCTL_SOCKET"])
        self.lines = connection.makefile("rw", encoding="utf-8", newline="\n")
        self.pausing = False
        hello = self.call("attempt/hello", token=os.environ["AGENTCTL_TOKEN"])
        self.pausing = self.pausing or hello["pausing"]
        saved = hello["checkpoint"]
        self.checkpoint = json.loads(base64.b64decode(saved["data"])) if saved else None

    def call(self, method, **params):
        """Sends one request and waits for its response. Handles the notifications that come before it."""
        print(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}), file=self.lines, flush=True)
        for line in self.lines:
            message = json.loads(line)
            if message.get("method") == "attempt/pause":
                self.pausing = True
            elif "error" in message:
                raise RuntimeError(f"{method}: {message['error']['message']}")
            elif "result" in message:
                return message["result"]
        raise ConnectionError("the daemon has closed the connection")


def files_below(root):
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)


def main(root, delay):
    attempt = Attempt()
    state = attempt.checkpoint or {"files": files_below(root), "next": 0, "digests": {}}
    files = state["files"]
    if state["next"]:
        print(f"going on after {state['next']} of {len(files)} files")
    while state["next"] < len(files):
        if attempt.pausing:
            attempt.call("attempt/checkpoint", value=state, label="pause")
            sys.exit(75)
        path = files[state["next"]]
        time.sleep(delay)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        state["digests"].setdefault(digest, []).append(path)
        state["next"] += 1
        print(digest[:12], path)
        if state["next"] % 50 == 0:
            attempt.call("attempt/checkpoint", value=state)
        attempt.call("attempt/progress", done=state["next"], total=len(files), message=path)
    same = [paths for paths in state["digests"].values() if len(paths) > 1]
    for paths in same:
        print("the same:", *paths)
    print(f"{len(files)} files, {len(same)} groups with the same content")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".", float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
