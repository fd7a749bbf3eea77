"""A web application that hands each of its users a token for an hour, and a directory of their own.

usage: web_tokens.py DIRECTORY [PORT]

    curl --user alice:wonderland http://localhost:8000/token

Each token that is handed out takes the place of the one before. When the hour is over the server cuts its holder off.
"""

import base64
import hmac
import json
import sys
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from remofile import Server, Tokens

# Yours are in a database, and not in clear.
PASSWORDS = {"alice": "wonderland", "bob": "builder"}


class Application(BaseHTTPRequestHandler):
    files: Server
    tokens: Tokens

    def do_GET(self):
        user = self.user()
        if user is None:
            self.answer(401, {"error": "who are you?"})
        elif self.path == "/token":
            self.answer(200, {"port": self.files.port, "token": self.hand_out(user)})
        else:
            self.answer(404, {"error": "there is nothing but /token"})

    def hand_out(self, user):
        (self.files.root_directory / user).mkdir(exist_ok=True)
        for token in self.tokens.values():
            if token.is_expired and token.name != user:
                self.tokens.remove(token.name)
        return self.tokens.add(user, "write", f"/{user}", timedelta(hours=1), quota=1 << 30, replace=True)

    def user(self):
        """The user who has proved to be one."""
        kind, _, proof = self.headers.get("Authorization", "").partition(" ")
        try:
            name, _, password = base64.b64decode(proof).decode().partition(":")
        except ValueError:
            return None
        known = PASSWORDS.get(name)
        is_right = kind == "Basic" and known and hmac.compare_digest(known.encode(), password.encode())
        return name if is_right else None

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="files"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main(directory, port="8000"):
    Application.tokens = Tokens()
    with Server(directory, tokens=Application.tokens) as Application.files:
        application = ThreadingHTTPServer(("127.0.0.1", int(port)), Application)
        print(f"http://127.0.0.1:{application.server_port}/token", flush=True)
        application.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
