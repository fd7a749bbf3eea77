import subprocess
import unittest

from check_dependencies import check


class Deny:
    """Stands for cargo-deny: what each of its commands comes to."""

    def __init__(self, **statuses):
        self.statuses = {"bans": 0, "fetch": 0, "advisories": 0, **statuses}
        self.ran = []

    def __call__(self, command, **_options):
        name = next(name for name in self.statuses if name in command)
        self.ran.append(name)
        status = self.statuses[name]
        if status is None:
            raise subprocess.TimeoutExpired(command, 60)
        return subprocess.CompletedProcess(command, status, "", "fatal: could not resolve host\n\n")


class CheckTest(unittest.TestCase):
    def test_all_is_checked_and_said_to_be_fine(self):
        deny = Deny()
        status, told = check("cargo-deny", False, deny)
        self.assertEqual((status, deny.ran), (0, ["bans", "fetch", "advisories"]))
        self.assertIn("advisories are fine", told)

    def test_a_dependency_that_is_not_as_agreed_fails(self):
        self.assertEqual(check("cargo-deny", False, Deny(bans=1))[0], 1)

    def test_an_advisory_fails(self):
        self.assertEqual(check("cargo-deny", False, Deny(advisories=1))[0], 1)

    def test_without_a_database_advisories_are_said_not_to_be_checked(self):
        for status, why in ((1, "could not resolve host"), (None, "no answer within 60 s")):
            deny = Deny(fetch=status)
            found, told = check("cargo-deny", False, deny)
            self.assertEqual((found, deny.ran), (0, ["bans", "fetch"]))
            self.assertIn("ADVISORIES WERE NOT CHECKED", told)
            self.assertIn(why, told)

    def test_a_machine_that_has_to_check_them_fails_without_a_database(self):
        self.assertEqual(check("cargo-deny", True, Deny(fetch=1))[0], 1)


if __name__ == "__main__":
    unittest.main()
