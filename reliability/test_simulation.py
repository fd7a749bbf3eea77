import json
import subprocess
import unittest

import simulation
from common import REPOSITORY


class BuildTest(unittest.TestCase):
    def test_the_package_of_the_full_scale_has_the_library_that_is_simulated(self):
        command = ["cargo", "metadata", "--no-deps", "--locked", "--format-version=1"]
        told = subprocess.run(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        packages = {package["name"]: package for package in json.loads(told.stdout)["packages"]}
        libraries = [target["name"] for target in packages[simulation.PACKAGE]["targets"] if "lib" in target["kind"]]
        self.assertEqual(libraries, ["remofile"])


if __name__ == "__main__":
    unittest.main()
