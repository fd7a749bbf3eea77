"""The prototype's client (remofile 1.0.0.dev6) drives our server."""

import os
import unittest

from remofile import BadRequestError, DestinationNotFound, FileNameError, SourceNotFound
from remofile.exceptions import UnexpectedError
from remofile.protocol import Reason, Request
from support import ACCEPTED, BAD_REQUEST, REFUSED, InteropTest, end_prototype, upload_request, write

SIZES = (1, 511, 512, 513, 8192, 8193, 1 << 20, 0)
CHUNK_SIZES = (512, 4096, 8192)
FORBIDDEN = [f"a{character}b" for character in '<>:"/\\|?*\0\n\x7f\x85'] + [".", "..", "", "a" * 256]


class Stop(Exception):
    """Raised by callbacks."""


class ClientTest(InteropTest):
    options = ()

    def setUp(self):
        super().setUp()
        self.server = self.start_server(*self.options)
        self.client = self.prototype(self.server.port)

    def ask_client(self, *request):
        return self.ask(self.client.socket, *request)


class Listing(ClientTest):
    def test_entries(self):
        outside = self.local / "outside"
        outside.write_bytes(b"secret")
        (self.root / "directory").mkdir()
        (self.root / "file").write_bytes(b"12345")
        (self.root / "empty").touch()
        (self.root / "größe ☃").write_bytes(b"1")
        (self.root / "to-file").symlink_to("file")
        (self.root / "to-directory").symlink_to("directory")
        (self.root / "dangling").symlink_to("nothing")
        (self.root / "outside").symlink_to(outside)
        os.mkfifo(self.root / "pipe")
        os.utime(self.root / "file", ns=(0, 1_234_567_890_123_456_789))
        os.utime(self.root / "empty", ns=(0, -1_500_000_001))
        os.utime(self.root / "directory", ns=(0, 1_700_000_000_000_000_005))

        files = self.client.list_files("/")

        expected = {name: (self.root / name).stat().st_mtime for name in
                    ("directory", "file", "empty", "größe ☃", "to-file", "to-directory", "pipe")}
        for name, modified in expected.items():
            with self.subTest(name):
                self.assertIs(type(files[name]), tuple)
                self.assertIs(type(files[name][2]), float)
                size = {"file": 5, "to-file": 5, "größe ☃": 1}.get(name, 0)
                self.assertEqual(files[name], (name in ("directory", "to-directory"), size, modified))
        for name in ("dangling", "outside"):
            with self.subTest(name):
                self.assertEqual(files[name][:2], (False, 0))
        self.assertEqual(set(files), {*expected, "dangling", "outside"})

    def test_empty_and_nested(self):
        (self.root / "a" / "b").mkdir(parents=True)
        self.assertEqual(self.client.list_files("/a/b"), {})
        self.assertEqual(list(self.client.list_files("/a")), ["b"])

    def test_many_entries(self):
        names = {f"{'n' * 100}{number:05}" for number in range(5000)}
        for name in names:
            (self.root / name).touch()
        self.assertEqual(set(self.client.list_files("/")), names)

    def test_names_that_are_not_text_are_left_out(self):
        with open(os.fsencode(self.root) + b"/\xff", "wb"):
            pass
        (self.root / "control\n").touch()
        (self.root / "seen").touch()
        self.assertEqual(list(self.client.list_files("/")), ["seen"])

    def test_refusals(self):
        (self.root / "file").touch()
        with self.assertRaises(FileNotFoundError):
            self.client.list_files("/missing")
        with self.assertRaises(NotADirectoryError):
            self.client.list_files("/file")

    def test_links_do_not_lead_out_of_the_root(self):
        (self.local / "secret").touch()
        (self.root / "out").symlink_to(self.local)
        with self.assertRaises((FileNotFoundError, NotADirectoryError)):
            self.client.list_files("/out")
        with self.assertRaises((FileNotFoundError, NotADirectoryError)):
            self.client.create_file("new", "/out")
        self.assert_tree(self.local, "secret")


class Making(ClientTest):
    def test_file_and_directory(self):
        self.client.make_directory("d", "/")
        self.client.make_directory("e", "/d")
        self.client.create_file("f", "/d/e")
        self.assert_tree(self.root, "d", "d/e", "d/e/f")
        self.assertEqual((self.root / "d/e/f").read_bytes(), b"")

    def test_names_that_are_refused(self):
        for name in FORBIDDEN:
            with self.subTest(name=name):
                with self.assertRaises(FileNameError):
                    self.client.create_file(name, "/")
                with self.assertRaises(FileNameError):
                    self.client.make_directory(name, "/")
        self.assert_tree(self.root)

    def test_names_that_are_taken(self):
        (self.root / "file").write_bytes(b"1")
        (self.root / "directory").mkdir()
        (self.root / "link").symlink_to("nothing")
        for name in ("file", "directory", "link"):
            for make in (self.client.create_file, self.client.make_directory):
                with self.subTest(name=name, request=make.__name__), self.assertRaises(FileExistsError):
                    make(name, "/")
        self.assert_tree(self.root, "file", "directory", "link")
        self.assertEqual((self.root / "file").read_bytes(), b"1")

    def test_directories_that_are_refused(self):
        (self.root / "file").touch()
        for make in (self.client.create_file, self.client.make_directory):
            with self.subTest(request=make.__name__):
                with self.assertRaises(FileNotFoundError):
                    make("new", "/missing")
                with self.assertRaises(NotADirectoryError):
                    make("new", "/file")
        self.assert_tree(self.root, "file")

    def test_parents_do_not_leave_the_root(self):
        (self.root / "d").mkdir()
        for directory in ("/..", "/../local", "/d/../..", "/d/.."):
            with self.subTest(directory):
                for request in (self.client.create_file, self.client.make_directory):
                    with self.assertRaises(BadRequestError):
                        request("new", directory)
                with self.assertRaises(BadRequestError):
                    self.client.list_files(directory)
                self.assertEqual(self.ask_client(*upload_request("new", 1, directory=directory)), BAD_REQUEST)
                self.assertEqual(self.ask_client(Request.DOWNLOAD_FILE, "x", directory, 512), BAD_REQUEST)
        self.assert_tree(self.root.parent, "root", "root/d", "local")


class Transfers(ClientTest):
    def test_sizes_and_chunk_sizes(self):
        expected = []
        for size in SIZES:
            for chunk_size in CHUNK_SIZES:
                name = f"{size}-{chunk_size}"
                with self.subTest(size=size, chunk_size=chunk_size):
                    content = write(self.local / name, size)
                    self.client.upload_file(self.local / name, "/", chunk_size=chunk_size)
                    self.assertTrue((self.root / name).read_bytes() == content, "uploaded content differs")
                    self.client.download_file(f"/{name}", self.local, name=f"{name}.back", chunk_size=chunk_size)
                    self.assertTrue((self.local / f"{name}.back").read_bytes() == content, "downloaded content differs")
                    expected.append(name)
        self.assert_tree(self.root, *expected)

    def test_64_mib(self):
        content = write(self.local / "big", 64 << 20)
        self.client.upload_file(self.local / "big", "/", chunk_size=8192)
        self.assertTrue((self.root / "big").read_bytes() == content, "uploaded content differs")
        self.client.download_file("/big", self.local, name="back", chunk_size=8192)
        self.assertTrue((self.local / "back").read_bytes() == content, "downloaded content differs")

    def test_directories(self):
        tree = self.local / "tree"
        (tree / "a" / "b").mkdir(parents=True)
        (tree / "empty-directory").mkdir()
        contents = {name: write(tree / name, size) for name, size in
                    {"top": 100, "a/middle": 8192, "a/b/low": 20_000, "a/empty": 0}.items()}
        self.client.upload_directory(tree, "/", chunk_size=4096)
        # The prototype takes no directory but the root for one to be downloaded.
        self.client.download_directory("/", self.local, name="back", chunk_size=4096)
        paths = ["a", "a/b", "empty-directory", *contents]
        for directory in (self.root / "tree", self.local / "back" / "tree"):
            self.assert_tree(directory, *paths)
            for name, content in contents.items():
                self.assertEqual((directory / name).read_bytes(), content, name)

    def test_a_file_is_visible_when_it_is_complete(self):
        write(self.local / "source", 2000)
        seen = []

        def look(*_):
            seen.append((self.root / "source").exists())
            return True

        self.client.upload_file(self.local / "source", "/", process_chunk=look)
        self.assertEqual(seen, [False] * 4)
        self.assert_tree(self.root, "source")


class Cancelling(ClientTest):
    """A callback that says no, or raises, at the first, a middle and the last of four chunks."""

    def callback(self, at, raises):
        calls = []

        def called(*_):
            calls.append(at)
            if len(calls) == at and raises:
                raise Stop
            return len(calls) != at

        return called

    def test_uploads(self):
        write(self.local / "source", 2000)
        for at in (1, 2, 4):
            for raises in (False, True):
                with self.subTest(chunk=at, raises=raises):
                    callback = self.callback(at, raises)
                    if raises:
                        with self.assertRaises(Stop):
                            self.client.upload_file(self.local / "source", "/", process_chunk=callback)
                    else:
                        self.client.upload_file(self.local / "source", "/", process_chunk=callback)
                    self.assert_tree(self.root)
                    self.assert_served(self.server.port)
                    self.assertEqual(self.client.list_files("/"), {})
        self.client.upload_file(self.local / "source", "/")
        self.assert_tree(self.root, "source")

    def test_downloads(self):
        write(self.root / "source", 2000)
        for at in (1, 2, 4):
            with self.subTest(chunk=at):
                self.client.download_file("/source", self.local, name=f"{at}", process_chunk=self.callback(at, False))
                self.assert_served(self.server.port)
                self.assertEqual(list(self.client.list_files("/")), ["source"])
        self.assertEqual(self.ask_client(Request.CANCEL_TRANSFER), BAD_REQUEST)

    def test_downloads_whose_callback_raises(self):
        """The prototype leaves the download open then: its next requests but LIST_FILES are bad ones."""
        content = write(self.root / "source", 2000)
        for at in (1, 2):
            with self.subTest(chunk=at):
                callback = self.callback(at, True)
                with self.assertRaises(Stop):
                    self.client.download_file("/source", self.local, name=f"{at}", process_chunk=callback)
                self.assertEqual(list(self.client.list_files("/")), ["source"])
                with self.assertRaises(BadRequestError):
                    self.client.create_file("new", "/")
                self.assertEqual(self.ask_client(Request.CANCEL_TRANSFER), (ACCEPTED, Reason.TRANSFER_CANCELLED))
                self.assert_served(self.server.port)
        with self.assertRaises(Stop):
            self.client.download_file("/source", self.local, name="last", process_chunk=self.callback(4, True))
        self.client.create_file("new", "/")  # It was complete with the last chunk.
        self.client.download_file("/source", self.local, name="whole")
        self.assertEqual((self.local / "whole").read_bytes(), content)
        self.assert_served(self.server.port)

    def test_a_client_that_leaves_in_a_download(self):
        write(self.root / "source", 2000)
        with self.assertRaises(Stop):
            self.client.download_file("/source", self.local, process_chunk=self.callback(2, True))
        end_prototype(self.client)
        other = self.prototype(self.server.port)
        self.eventually(lambda: self.ask(other.socket, Request.CREATE_FILE, "new", "/")[0] == ACCEPTED,
                        "the lease of a client that has gone is free")
        self.assert_served(self.server.port)


class Refusals(ClientTest):
    options = ("--file-size-limit", "10000")

    def assert_refused(self, reason, *request):
        self.assertEqual(self.ask_client(*request), (REFUSED, reason), f"to {request!r}")

    def test_chunk_sizes(self):
        write(self.local / "source", 1000)
        write(self.root / "file", 1000)
        for chunk_size in (0, 511, 8193, -1):
            with self.subTest(chunk_size):
                self.assert_refused(Reason.INCORRECT_CHUNK_SIZE, *upload_request("new", 1, chunk_size))
                self.assert_refused(Reason.INCORRECT_CHUNK_SIZE, Request.DOWNLOAD_FILE, "file", "/", chunk_size)
                with self.assertRaises(ValueError):
                    self.client.upload_file(self.local / "source", "/", chunk_size=chunk_size)
                with self.assertRaises(ValueError):
                    self.client.download_file("/file", self.local, chunk_size=chunk_size)
        self.assert_tree(self.root, "file")

    def test_names(self):
        for name in FORBIDDEN:
            with self.subTest(name=name):
                self.assert_refused(Reason.INVALID_FILE_NAME, *upload_request(name, 1))
                self.assert_refused(Reason.INVALID_FILE_NAME, Request.DOWNLOAD_FILE, name, "/", 512)
        (self.local / "source").touch()
        with self.assertRaises(FileNameError):
            self.client.upload_file(self.local / "source", "/", name="a?b")
        self.assert_tree(self.root)

    def test_directories(self):
        (self.root / "file").touch()
        write(self.local / "source", 10)
        for directory in ("/missing", "/file", "/file/below"):
            with self.subTest(directory):
                self.assert_refused(Reason.NOT_A_DIRECTORY, *upload_request("new", 1, directory=directory))
                self.assert_refused(Reason.NOT_A_DIRECTORY, Request.DOWNLOAD_FILE, "new", directory, 512)
        for directory in ("/missing", "/file"):
            with self.subTest(directory), self.assertRaises(DestinationNotFound):
                self.client.upload_file(self.local / "source", directory)
        self.assert_tree(self.root, "file")

    def test_taken_names(self):
        write(self.root / "file", 3)
        (self.root / "directory").mkdir()
        write(self.local / "file", 10)
        for name in ("file", "directory"):
            with self.subTest(name):
                self.assert_refused(Reason.FILE_ALREADY_EXISTS, *upload_request(name, 1))
                with self.assertRaises(FileExistsError):
                    self.client.upload_file(self.local / "file", "/", name=name)
        self.assertEqual((self.root / "file").stat().st_size, 3)

    def test_sources_of_downloads(self):
        (self.root / "directory").mkdir()
        (self.root / "dangling").symlink_to("nothing")
        self.assert_refused(Reason.FILE_NOT_FOUND, Request.DOWNLOAD_FILE, "missing", "/", 512)
        self.assert_refused(Reason.FILE_NOT_FOUND, Request.DOWNLOAD_FILE, "dangling", "/", 512)
        self.assert_refused(Reason.NOT_A_FILE, Request.DOWNLOAD_FILE, "directory", "/", 512)
        for source in ("/missing", "/directory"):
            with self.subTest(source), self.assertRaises(SourceNotFound):
                self.client.download_file(source, self.local)
        with self.assertRaises((UnexpectedError, TypeError)):  # It raises the first without its argument.
            self.client.download_file("/dangling", self.local)

    def test_file_sizes(self):
        for size in (-1, 0, 10_001, (1 << 63) - 1):
            with self.subTest(size):
                self.assert_refused(Reason.INCORRECT_FILE_SIZE, *upload_request("new", size))
        write(self.root / "large", 10_001)
        self.assert_refused(Reason.INCORRECT_FILE_SIZE, Request.DOWNLOAD_FILE, "large", "/", 512)
        write(self.local / "most", 10_000)
        self.client.upload_file(self.local / "most", "/")
        self.client.download_file("/most", self.local, name="back")
        self.assertEqual((self.local / "back").read_bytes(), (self.local / "most").read_bytes())

    def test_the_first_refusal_decides(self):
        self.assert_refused(Reason.INCORRECT_FILE_SIZE, *upload_request("?", 0, 1, "/missing"))
        self.assert_refused(Reason.INCORRECT_CHUNK_SIZE, *upload_request("?", 1, 1, "/missing"))
        self.assert_refused(Reason.INVALID_FILE_NAME, *upload_request("?", 1, 512, "/missing"))
        self.assert_refused(Reason.INCORRECT_CHUNK_SIZE, Request.DOWNLOAD_FILE, "?", "/missing", 1)
        self.assert_refused(Reason.INVALID_FILE_NAME, Request.DOWNLOAD_FILE, "?", "/missing", 512)
        self.assert_refused(Reason.INVALID_FILE_NAME, Request.CREATE_FILE, "?", "/missing")


class ReadOnly(ClientTest):
    options = ("--read-only",)

    def test_nothing_is_changed(self):
        content = write(self.root / "file", 1000)
        for request in ((Request.CREATE_FILE, "new", "/"), (Request.MAKE_DIRECTORY, "new", "/"),
                        (Request.REMOVE_FILE, "file", "/"), upload_request("new", 1)):
            with self.subTest(request=request[0].name):
                kind, reason, message = self.ask_client(*request)
                self.assertEqual(reason, Reason.UNKNOWN_ERROR)
                self.assertTrue(message)
        self.client.download_file("/file", self.local)
        self.assertEqual((self.local / "file").read_bytes(), content)
        self.assert_tree(self.root, "file")


if __name__ == "__main__":
    unittest.main()
