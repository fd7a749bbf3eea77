"""A drop box: whoever has the first token may put files there, and nothing else; whoever has the second may fetch them.

usage: drop_box.py DIRECTORY [PORT]
"""

import signal
import sys

from remofile import Server, Tokens


def main(directory, port="6768"):
    tokens = Tokens()
    print("to put files there:", tokens.add("everybody", "upload", quota=10 << 30, file_size_limit=1 << 30))
    print("to fetch them:", tokens.add("keeper", "write"), flush=True)
    server = Server(directory, tokens=tokens)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    server.run(int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
