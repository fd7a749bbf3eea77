import socket
import unittest

from proxy import Filter, Proxy


class ProxyTest(unittest.TestCase):
    def test_a_client_of_a_server_that_is_gone_never_meets_another_one_at_its_port(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            with Proxy(other.getsockname()[1], lambda _: (Filter(), Filter())) as proxy:
                proxy.target = None
                with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
                    self.assertEqual(client.recv(1), b"")
            other.setblocking(False)
            self.assertRaises(BlockingIOError, other.accept)


if __name__ == "__main__":
    unittest.main()
