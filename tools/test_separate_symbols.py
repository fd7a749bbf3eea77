import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from separate_symbols import find_objcopy, has_symbols_apart, separate

# Its own compiler: this is the one thing that every machine with Rust has.
SOURCE = 'fn main() { println!("it runs") }\n'


@unittest.skipIf(find_objcopy() is None, "no objcopy")
class SeparateTest(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.directory / "main.rs").write_text(SOURCE)
        self.program = self.directory / "main"
        subprocess.run(["rustc", "-g", "main.rs"], cwd=self.directory, check=True)

    def test_the_program_runs_and_its_symbols_are_beside_it(self):
        before = self.program.stat().st_size
        linked = self.directory / "deps-main"
        linked.hardlink_to(self.program)
        self.assertFalse(has_symbols_apart(self.program))
        symbols = separate(self.program, *find_objcopy())
        self.assertEqual(subprocess.run([self.program], capture_output=True, text=True).stdout, "it runs\n")
        self.assertTrue(has_symbols_apart(self.program))
        self.assertLess(self.program.stat().st_size, before)
        self.assertIn(b".debug_line", symbols.read_bytes())
        self.assertEqual(linked.stat().st_size, before, "cargo's own file stays")

    @unittest.skipIf(shutil.which("nm") is None, "no nm")
    def test_the_names_of_functions_stay_in_the_program(self):
        separate(self.program, *find_objcopy())
        names = subprocess.run(["nm", self.program], check=True, capture_output=True, text=True).stdout
        self.assertIn("main4main", names)


if __name__ == "__main__":
    unittest.main()
