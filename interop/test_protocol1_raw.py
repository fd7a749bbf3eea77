"""Protocol 1 by hand: what no well-behaved client sends, and how requests may be written."""

import os
import pickle
import unittest
from pathlib import PosixPath, PurePosixPath

import zmq
from remofile.protocol import Reason, Request, Response
from support import ACCEPTED, BAD_REQUEST, CANCELLED, ERROR, REFUSED, InteropTest, upload_request, write

CHUNK = b"c" * 512
TRANSFER_ACCEPTED = (Response.ACCEPTED, Reason.TRANSFER_ACCEPTED)
CHUNK_RECEIVED = (Response.ACCEPTED, Reason.CHUNK_RECEIVED)
COMPLETED = (Response.ACCEPTED, Reason.TRANSFER_COMPLETED)
IN_USE = r"(?i)\b(in use|busy|used by|upload|download)"  # What the message has to tell, in whatever words.
LIST = (Request.LIST_FILES, "/")


class RawTest(InteropTest):
    options = ()

    def setUp(self):
        super().setUp()
        self.server = self.start_server(*self.options)
        self.req = self.socket(zmq.REQ, self.server.port)

    def ask_req(self, *request):
        return self.ask(self.req, *request)

    def assert_idle(self, socket=None):
        """The connection is in no transfer: SEND_CHUNK is a bad request, and CREATE_FILE is not."""
        socket = socket or self.req
        self.assertEqual(self.ask(socket, Request.SEND_CHUNK, CHUNK), BAD_REQUEST)
        self.assertEqual(self.ask(socket, Request.CREATE_FILE, "idle", "/"), (ACCEPTED, Reason.FILE_CREATED))
        (self.root / "idle").unlink()

    def begin_upload(self, name="new", size=1200):
        self.assertEqual(self.ask_req(*upload_request(name, size)), TRANSFER_ACCEPTED)

    def begin_download(self, socket=None):
        response = self.ask(socket or self.req, Request.DOWNLOAD_FILE, "source", "/", 512)
        self.assertEqual(response, (*TRANSFER_ACCEPTED, 1200))

    def assert_unknown_error(self, response, pattern="."):
        self.assertEqual((len(response), response[:2]), (3, (ERROR, Reason.UNKNOWN_ERROR)), response)
        self.assertRegex(response[2], pattern)


class Requests(RawTest):
    """Tests of how a request may be written."""

    def assert_listed(self, frame):
        response = self.ask_bytes(self.req, frame)
        self.assertEqual(response[:2], (ACCEPTED, Reason.FILES_LISTED))
        self.assertEqual(list(response[2]), ["file"])

    def setUp(self):
        super().setUp()
        (self.root / "d").mkdir()
        (self.root / "d" / "file").touch()

    def test_pickle_protocols(self):
        for protocol in (2, 3, 4, 5):
            for directory in ("/d", PosixPath("/d"), PurePosixPath("/d")):
                with self.subTest(protocol=protocol, directory=type(directory).__name__):
                    self.assert_listed(pickle.dumps((Request.LIST_FILES, directory), protocol))

    def test_what_is_answered_is_pickle_4(self):
        self.req.send_pyobj(LIST)
        self.assertEqual(self.req.recv()[:2], b"\x80\x04")

    def test_members_of_enumerations_by_value_and_by_name(self):
        """As Python up to 3.10 or from 3.11 on writes them, and as plain numbers are not."""
        head, directory = b"\x80\x02", b"X\x02\x00\x00\x00/d"
        by_value = b"cremofile.protocol\nRequest\nK\x01\x85R"
        by_name = b"cbuiltins\ngetattr\ncremofile.protocol\nRequest\nX\x0a\x00\x00\x00LIST_FILES\x86R"
        by_old_name = b"c__builtin__\ngetattr\ncremofile.protocol\nRequest\nX\x0a\x00\x00\x00LIST_FILES\x86R"
        for name, member in (("value", by_value), ("name", by_name), ("name, Python 2", by_old_name)):
            with self.subTest(name):
                self.assert_listed(head + member + directory + b"\x86.")

    def test_relative_directories(self):
        for directory in ("d", PurePosixPath("d"), "/d", "/d/"):
            with self.subTest(directory=directory):
                self.assert_listed(pickle.dumps((Request.LIST_FILES, directory)))
        self.assertEqual(list(self.ask_req(Request.LIST_FILES, "")[2]), ["d"])

    def test_parents_and_control_characters_are_bad_requests(self):
        for directory in ("..", "/..", "/d/..", "../d", "/d\0", "/d\n", PurePosixPath("/d/..")):
            with self.subTest(directory=directory):
                self.assertEqual(self.ask_req(Request.LIST_FILES, directory), BAD_REQUEST)

    def test_a_dealer_with_the_delimiter_is_served(self):
        dealer = self.socket(zmq.DEALER, self.server.port)
        for _ in range(3):  # Without waiting: they are answered in order.
            dealer.send_multipart([b"", pickle.dumps(LIST)])
            dealer.send_multipart([b"", pickle.dumps((Request.LIST_FILES, "/d"))])
        for _ in range(3):
            for name in ("d", "file"):
                delimiter, frame = dealer.recv_multipart()
                self.assertEqual((delimiter, list(pickle.loads(frame)[2])), (b"", [name]))

    def test_remove_file(self):
        (self.root / "empty").mkdir()
        for name, directory in (("file", "/d"), ("empty", "/")):
            self.assertEqual(self.ask_req(Request.REMOVE_FILE, name, directory), (ACCEPTED,))
        self.assert_tree(self.root, "d")
        (self.root / "d" / "file").touch()
        for response, name, directory in (
            ((REFUSED, Reason.INVALID_FILE_NAME), "..", "/"), ((REFUSED, Reason.FILE_NOT_FOUND), "x", "/missing"),
            ((REFUSED, Reason.NOT_A_DIRECTORY), "x", "/d/file"), ((REFUSED, Reason.FILE_NOT_FOUND), "x", "/"),
        ):
            with self.subTest(name=name, directory=directory):
                self.assertEqual(self.ask_req(Request.REMOVE_FILE, name, directory), response)
        self.assert_unknown_error(self.ask_req(Request.REMOVE_FILE, "d", "/"))
        self.assert_tree(self.root, "d", "d/file")

    def test_wrong_shapes(self):
        requests = [
            (), (Request.LIST_FILES,), (*LIST, 1), (Request.CREATE_FILE, "a"), (Request.CREATE_FILE, "a", "/", 1),
            (Request.MAKE_DIRECTORY, "a"), (Request.UPLOAD_FILE, "a", "/", 1), (*upload_request("a", 1), 1),
            (Request.DOWNLOAD_FILE, "a", "/"), (Request.REMOVE_FILE, "a"), (Request.SEND_CHUNK,),
            (Request.RECEIVE_CHUNK, 1), (Request.CANCEL_TRANSFER, 1), (0, "/"), (10, "/"), (-1, "/"), (1 << 80, "/"),
            ("LIST_FILES", "/"), (None,), (Request.LIST_FILES, None), (Request.LIST_FILES, b"/"),
            (Request.CREATE_FILE, b"a", "/"), (Request.CREATE_FILE, 1, "/"), (Request.CREATE_FILE, None, "/"),
            (Request.UPLOAD_FILE, "a", "/", "1", 512), (Request.UPLOAD_FILE, "a", "/", 1, None),
            (Request.DOWNLOAD_FILE, "a", "/", 512.5),
        ]
        for request in requests:
            with self.subTest(request=request):
                self.assertEqual(self.ask_bytes(self.req, pickle.dumps(request, 4)), BAD_REQUEST)
        for other in ([*LIST], {1: "/"}, "text", b"bytes", 1, None, Request.LIST_FILES):
            with self.subTest(request=other):
                self.assertEqual(self.ask_bytes(self.req, pickle.dumps(other, 4)), BAD_REQUEST)
        self.assert_tree(self.root, "d", "d/file")
        self.assert_idle()


class Hostile(RawTest):
    """Tests that what is meant to do harm is answered by BAD_REQUEST, or not at all, and others are served on."""

    def test_one_frame_of_a_dealer(self):
        """Without the delimiter it is no request of protocol 1, whatever is in it."""
        dealer = self.socket(zmq.DEALER, self.server.port)
        for frames in ([pickle.dumps(LIST)], [b"x"], [b"x", b"y"], [b"x"] * 5):
            dealer.send_multipart(frames)
        self.assert_served(self.server.port)

    def test_odd_frames_of_a_dealer(self):
        for frames in ([b""], [b"", b""], [b"", b"", b""], [b"", pickle.dumps(LIST), b"more"], [b"a", b"", b"b"]):
            with self.subTest(frames=frames):
                dealer = self.socket(zmq.DEALER, self.server.port)
                dealer.send_multipart(frames)
                self.assert_served(self.server.port)

    def test_pickles_are_not_executed(self):
        marker = self.local / "marker"

        class Run:
            def __reduce__(self):
                return os.system, (f"touch {marker}",)

        class Evaluate:
            def __reduce__(self):
                return eval, (f"open({str(marker)!r}, 'w')",)

        for protocol in (0, 1, 2, 3, 4, 5):
            for harm in (Run(), Evaluate()):
                for request in (harm, (harm,), (Request.LIST_FILES, harm), (Request.CREATE_FILE, harm, "/")):
                    with self.subTest(protocol=protocol, request=request):
                        self.assertEqual(self.ask_bytes(self.req, pickle.dumps(request, protocol)), BAD_REQUEST)
        self.assertFalse(marker.exists(), "a pickle was executed")
        self.assert_served(self.server.port)

    def test_globals_that_are_not_expected(self):
        for module, name in (("os", "system"), ("remofile.protocol", "IntEnum"), ("remofile.protocol", "Request.mro"),
                             ("pathlib", "os.system"), ("pathlib", "Path.home"), ("builtins", "eval")):
            for frame in (f"c{module}\n{name}\n(S'x'\ntR.", f"\x80\x02c{module}\n{name}\nX\x01\x00\x00\x00x\x85R."):
                with self.subTest(frame=frame):
                    self.assertEqual(self.ask_bytes(self.req, frame.encode("latin-1")), BAD_REQUEST)
        self.assert_served(self.server.port)

    def test_malformed_pickles(self):
        whole = pickle.dumps(upload_request("a", 1, 512), 4)
        frames = [whole[:length] for length in range(len(whole))] + [
            b"\x80\x04X\xff\xff\xff\xffabc.",  # text that is said to have 4 GiB
            b"\x80\x04B\xff\xff\xff\xffabc.",  # bytes
            b"\x80\x04\x8e" + b"\xff" * 8 + b"abc.",  # bytes, by 64 bits
            b"\x80\x04\x8d" + b"\x00\x00\x00\x00\x01\x00\x00\x00" + b"abc.",
            b"\x80\x05\x96\x00\x00\x00\x00\x01\x00\x00\x00abc.",  # a byte array
            b"\x80\x04\x95\x00\x00\x00\x00\x01\x00\x00\x00.",  # a frame
            b"\x80\x04\x8b\xff\xff\xff\x7f.",  # an integer of 2 GiB
            b"\x80\x06" + whole[2:], b"\x80\xff.", b".", b"(.", b"t.", b"R.", b"0.", b"h\x00.", b"j\xff\xff\xff\xff.",
            b"\x80\x04r\xff\xff\xff\xff.", b"\x80\x04NN.", b"\x80\x04(((.", b"\xff" * 100, os.urandom(1000),
            b"P1\n.", b"Q.", b"\x82\x01.",  # persistent ids, extensions
        ]
        for frame in frames:
            with self.subTest(frame=frame[:40]):
                self.assertEqual(self.ask_bytes(self.req, frame), BAD_REQUEST)
        self.assert_served(self.server.port)

    def test_nesting(self):
        deep = {
            "lists": b"\x80\x02" + b"]" * 500_000 + b"a" * 499_999 + b".",
            "tuples": b"\x80\x02N" + b"\x85" * 500_000 + b".",
            "marks": b"\x80\x02" + b"(" * 500_000 + b".",
            "dictionaries": b"\x80\x02" + b"}K\x01" * 200_000 + b"N" + b"s" * 200_000 + b".",
        }
        for name, frame in deep.items():
            with self.subTest(name):
                self.assertEqual(self.ask_bytes(self.req, frame), BAD_REQUEST)
        self.assert_served(self.server.port)

    def test_billion_laughs(self):
        doubling = b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(100))
        texts = b"\x80\x02X\x04\x00\x00\x00haha" + b"q\x00" + doubling + b"."
        lists = b"\x80\x02]q\x00" + b"".join(
            b"]q" + bytes([n + 1]) + b"(" + (b"h" + bytes([n])) * 10 + b"e" for n in range(60)) + b"."
        missing = b"\x80\x02(cremofile.protocol\nRequest\nK\x01\x85Rh\x00h\x00t."
        for name, frame in (("texts", texts), ("lists", lists), ("no such memo", missing),
                            ("a list that holds itself", b"\x80\x02]q\x00h\x00a.")):
            with self.subTest(name):
                self.assertEqual(self.ask_bytes(self.req, frame), BAD_REQUEST)
        self.assert_served(self.server.port)

    def test_large_requests(self):
        """Larger than any request has to be: a bad one, or the end of the connection."""
        for size in (100_000, 10 << 20):
            with self.subTest(size=size):
                socket = self.socket(zmq.DEALER, self.server.port)
                socket.send_multipart([b"", pickle.dumps((Request.SEND_CHUNK, bytes(size)))])
                self.assert_served(self.server.port)

    def test_a_wrong_token(self):
        for token in ("wrong", "x" * 255, None):
            with self.subTest(token=token and token[:10]):
                self.assert_unknown_error(self.ask(self.socket(zmq.REQ, self.server.port, token), *LIST))
        self.assertEqual(self.ask_req(*LIST)[0], ACCEPTED)
        self.assert_served(self.server.port)


class States(RawTest):
    def test_idle(self):
        for request in ((Request.SEND_CHUNK, CHUNK), (Request.RECEIVE_CHUNK,), (Request.CANCEL_TRANSFER,)):
            with self.subTest(request[0].name):
                self.assertEqual(self.ask_req(*request), BAD_REQUEST)
        self.assert_served(self.server.port)

    def test_an_upload_takes_its_own_requests_only(self):
        self.begin_upload()
        others = [(Request.RECEIVE_CHUNK,), (Request.CREATE_FILE, "a", "/"), (Request.MAKE_DIRECTORY, "a", "/"),
                  upload_request("a", 1), (Request.DOWNLOAD_FILE, "a", "/", 512), (Request.REMOVE_FILE, "a", "/")]
        for request in others:
            with self.subTest(request=request):
                self.assertEqual(self.ask_req(*request), BAD_REQUEST)
        self.assertEqual(self.ask_bytes(self.req, b"no pickle"), BAD_REQUEST)
        for data, answer in ((CHUNK, CHUNK_RECEIVED), (CHUNK, CHUNK_RECEIVED), (b"e" * 176, COMPLETED)):
            self.assertEqual(self.ask_req(Request.SEND_CHUNK, data), answer)
        self.assertEqual((self.root / "new").read_bytes(), CHUNK * 2 + b"e" * 176)
        self.assert_idle()

    def test_a_download_takes_its_own_requests_only(self):
        content = write(self.root / "source", 1200)
        self.begin_download()
        others = [(Request.SEND_CHUNK, CHUNK), (Request.CREATE_FILE, "a", "/"), (Request.MAKE_DIRECTORY, "a", "/"),
                  upload_request("a", 1), (Request.DOWNLOAD_FILE, "source", "/", 512), (Request.REMOVE_FILE, "a", "/")]
        for request in others:
            with self.subTest(request=request):
                self.assertEqual(self.ask_req(*request), BAD_REQUEST)
        got = [self.ask_req(Request.RECEIVE_CHUNK) for _ in range(3)]
        self.assertEqual([response[:2] for response in got], [(ACCEPTED, Reason.CHUNK_SENT)] * 2 + [COMPLETED])
        self.assertEqual(b"".join(response[2] for response in got), content)
        self.assert_idle()

    def test_an_empty_download(self):
        (self.root / "empty").touch()
        self.assertEqual(self.ask_req(Request.DOWNLOAD_FILE, "empty", "/", 512), (*TRANSFER_ACCEPTED, 0))
        self.assertEqual(self.ask_req(Request.RECEIVE_CHUNK), (*COMPLETED, b""))
        self.assert_idle()

    def test_listing_in_the_middle(self):
        write(self.root / "source", 1200)
        for begin in (self.begin_upload, self.begin_download):
            with self.subTest(begin.__name__):
                begin()
                response = self.ask_req(*LIST)
                self.assertEqual((response[:2], list(response[2])), ((ACCEPTED, Reason.FILES_LISTED), ["source"]))
                self.assertEqual(self.ask_req(Request.CANCEL_TRANSFER), CANCELLED)
        self.assert_idle()

    def test_a_wrong_chunk_ends_the_upload(self):
        for data in (b"", CHUNK[:-1], CHUNK + b"c", bytes(8192)):
            with self.subTest(size=len(data)):
                self.begin_upload()
                self.assertEqual(self.ask_req(Request.SEND_CHUNK, data), BAD_REQUEST)
                self.assert_idle()
                self.assert_tree(self.root)
        self.begin_upload(size=600)
        self.assertEqual(self.ask_req(Request.SEND_CHUNK, CHUNK), CHUNK_RECEIVED)
        self.assertEqual(self.ask_req(Request.SEND_CHUNK, CHUNK), BAD_REQUEST)  # 88 bytes were left
        self.assert_idle()
        self.assert_tree(self.root)
        self.assert_served(self.server.port)

    def test_cancelling(self):
        write(self.root / "source", 1200)
        self.begin_upload()
        self.assertEqual(self.ask_req(Request.SEND_CHUNK, CHUNK), CHUNK_RECEIVED)
        self.assertEqual(self.ask_req(Request.CANCEL_TRANSFER), CANCELLED)
        self.assert_tree(self.root, "source")
        self.assert_idle()
        self.begin_download()
        self.assertEqual(self.ask_req(Request.CANCEL_TRANSFER), CANCELLED)
        self.assert_idle()

    def test_cancelling_a_complete_download_once(self):
        write(self.root / "source", 1200)
        self.begin_download()
        for _ in range(3):
            self.ask_req(Request.RECEIVE_CHUNK)
        self.assertEqual(self.ask_req(Request.CANCEL_TRANSFER), CANCELLED)
        self.assertEqual(self.ask_req(Request.CANCEL_TRANSFER), BAD_REQUEST)
        self.begin_upload(size=1)
        self.assertEqual(self.ask_req(Request.SEND_CHUNK, b"x"), COMPLETED)
        self.assertEqual(self.ask_req(Request.CANCEL_TRANSFER), BAD_REQUEST)
        self.assert_tree(self.root, "new", "source")

    def test_a_second_client_during_an_upload_is_told_so(self):
        write(self.root / "source", 1200)
        self.begin_upload()
        other = self.socket(zmq.REQ, self.server.port)
        for request in (upload_request("new", 1), (Request.CREATE_FILE, "new", "/"), (Request.MAKE_DIRECTORY, "new", "/"),
                        (Request.REMOVE_FILE, "new", "/")):
            with self.subTest(request=request):
                self.assert_unknown_error(self.ask(other, *request), IN_USE)
        # At other names, and where nothing is changed, nobody is in the way.
        self.assertEqual(list(self.ask(other, *LIST)[2]), ["source"])
        self.assertEqual(self.ask(other, Request.MAKE_DIRECTORY, "a", "/"), (ACCEPTED, Reason.DIRECTORY_CREATED))
        self.begin_download(other)
        self.assertEqual(self.ask(other, Request.CANCEL_TRANSFER), CANCELLED)
        self.assertEqual(self.ask_req(Request.SEND_CHUNK, CHUNK), CHUNK_RECEIVED)
        self.assertEqual(self.ask_req(Request.CANCEL_TRANSFER), CANCELLED)
        self.assertEqual(self.ask(other, Request.CREATE_FILE, "b", "/"), (ACCEPTED, Reason.FILE_CREATED))
        self.assert_tree(self.root, "a", "b", "source")

    def test_a_second_reader_during_a_download_is_served(self):
        content = write(self.root / "source", 1200)
        other = self.socket(zmq.REQ, self.server.port)
        self.begin_download()
        self.begin_download(other)
        self.assertEqual(list(self.ask(other, *LIST)[2]), ["source"])
        third = self.socket(zmq.REQ, self.server.port)
        self.assertEqual(self.ask(third, Request.CREATE_FILE, "new", "/"), (ACCEPTED, Reason.FILE_CREATED))
        for socket in (self.req, other):
            got = b"".join(self.ask(socket, Request.RECEIVE_CHUNK)[2] for _ in range(3))
            self.assertEqual(got, content)
        self.assert_served(self.server.port)

    def test_a_client_that_closes_its_socket(self):
        write(self.root / "source", 1200)
        for begin in (self.begin_upload, self.begin_download):
            with self.subTest(begin.__name__):
                begin()
                self.req.close(0)
                self.req = self.socket(zmq.REQ, self.server.port)
                self.eventually(lambda: self.ask_req(*upload_request("new", 10)) == TRANSFER_ACCEPTED,
                                "another client may upload when the first has gone")
                self.assertEqual(self.ask_req(Request.CANCEL_TRANSFER), CANCELLED)
                self.assert_tree(self.root, "source")
        self.assert_served(self.server.port)


class Silence(RawTest):
    """A client that says nothing any more, with its connection open."""

    options = ("--idle-timeout", "1s")

    def test_another_client_may_upload(self):
        self.begin_upload("b")
        other = self.socket(zmq.REQ, self.server.port)
        self.eventually(lambda: self.ask(other, *upload_request("b", 10)) == TRANSFER_ACCEPTED,
                        "the transfer of a silent client ends")
        self.assertEqual(self.ask(other, Request.CANCEL_TRANSFER), CANCELLED)
        self.assert_tree(self.root)
        self.assert_idle()  # The silent client is an idle one now.
        self.assert_served(self.server.port)

    def test_a_download_keeps_nobody_out(self):
        write(self.root / "source", 1200)
        self.begin_download()
        other = self.socket(zmq.REQ, self.server.port)
        self.assertEqual(self.ask(other, *upload_request("b", 10)), TRANSFER_ACCEPTED)
        self.assertEqual(self.ask(other, Request.CANCEL_TRANSFER), CANCELLED)


if __name__ == "__main__":
    unittest.main()
