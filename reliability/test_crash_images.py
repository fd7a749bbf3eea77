import unittest

from block_log import FLUSH
from crash_images import IMAGES, RECORDINGS
from crash_judgement import check_image, differences, is_failure
from crash_operations import OPERATIONS, Entry
from crash_recording import FILE_SYSTEMS, Case, Point, Recording, image, points

OLD, NEW = Entry("file", "old", 3, 1), Entry("file", "new", 3, 2)
LOG = [(0, b"a" * 4096), FLUSH, (4096, b"b" * 8192), (16384, b"c" * 4096), FLUSH, (0, b"d" * 4096)]


def case(number=0):
    return Case("ext4", "upload", "end", number)


def recording(states, acknowledged):
    return Recording([(0, b"empty")], LOG, states, acknowledged, len(LOG))


class Images(unittest.TestCase):
    def test_have_everything_before_the_last_flush_and_a_part_of_what_follows(self):
        kept = set()
        for number in range(50):
            writes = list(image(recording([{}], [0]), Point(2, 4, "between flushes"), case(number).rng(1, "image")))
            self.assertEqual(writes[:2], [(0, b"empty"), LOG[0]])
            kept.add(sum(len(data) for _, data in writes[2:]))
        self.assertLessEqual({0, 8192, 12288}, kept)
        self.assertIn(4096, kept, "a write may be torn")

    def test_begin_with_what_the_disk_had_before(self):
        writes = list(image(recording([{}], [0]), Point(0, 0, "flush"), case().rng(1, "image")))
        self.assertEqual(writes, [(0, b"empty")])

    def test_are_of_moments_within_the_operation(self):
        made = recording([{}, {}], [2, 4])
        for point in points(made, 20, case().rng(1, "points")):
            self.assertLessEqual(2, point.position)
            self.assertLessEqual(point.position, len(LOG))
            self.assertIn(point.flushed, (2, 5))
            self.assertNotIn(FLUSH, LOG[point.flushed:point.position])

    def test_are_the_same_for_a_seed(self):
        made = recording([{}, {}], [0, 4])
        self.assertEqual(points(made, 20, case().rng(1, "points")), points(made, 20, case().rng(1, "points")))


class Faults(unittest.TestCase):
    def faults(self, found, states, acknowledged, position):
        return [fault for fault, _ in check_image(recording(states, acknowledged), Point(0, position, "flush"), found)]

    def test_old_and_new_are_right_until_it_is_acknowledged(self):
        states = [{"a": OLD}, {"a": NEW}]
        for entry in (OLD, NEW, NEW._replace(time=9)):
            self.assertEqual(self.faults({"a": entry}, states, [0, 4], 3), [])
        self.assertEqual(self.faults({"a": OLD}, states, [0, 4], 4), ["lost"])
        self.assertEqual(self.faults({"a": NEW}, states, [0, 4], 4), [])

    def test_a_file_that_is_neither_is_torn(self):
        self.assertEqual(self.faults({"a": Entry("file", "", 0, 2)}, [{"a": OLD}, {"a": NEW}], [0, 4], 3), ["torn"])

    def test_a_file_that_nobody_touches_stays(self):
        self.assertEqual(self.faults({}, [{"a": OLD}, {"a": OLD}], [0, 4], 3), ["lost"])

    def test_an_acknowledged_time_is_kept(self):
        self.assertEqual(self.faults({"a": NEW._replace(time=9)}, [{"a": OLD}, {"a": NEW}], [0, 4], 5), ["lost"])

    def test_what_moves_is_at_one_of_its_places(self):
        states = [{"a": OLD}, {"b": OLD}]
        for found in ({"a": OLD}, {"b": OLD}, {"a": OLD, "b": OLD}):
            self.assertEqual(self.faults(found, states, [0, 4], 3), [])
        self.assertEqual(self.faults({}, states, [0, 4], 3), ["vanished"])

    def test_of_none_are_counted_and_no_failures(self):
        self.assertFalse(is_failure("none", "untrue"))
        self.assertTrue(is_failure("none", "left"))
        self.assertTrue(is_failure("end", "torn"))


class Differences(unittest.TestCase):
    def faults(self, found, has_times=True):
        return [fault for fault, _ in differences({"a": NEW, "kept/b": OLD}, found, has_times)]

    def test_are_missing_changed_and_strange_files(self):
        self.assertEqual(self.faults({"a": NEW, "kept/b": OLD}), [])
        self.assertEqual(self.faults({"a": NEW}), ["untrue"])
        self.assertEqual(self.faults({"a": NEW, "kept/b": NEW}), ["untrue"])
        self.assertEqual(self.faults({"a": NEW, "kept/b": OLD, "c": Entry("file", "strange", 1, 1)}), ["untrue"])

    def test_are_times_where_they_are_kept(self):
        found = {"a": NEW._replace(time=9), "kept/b": OLD}
        self.assertEqual((self.faults(found), self.faults(found, has_times=False)), (["untrue"], []))

    def test_are_no_failures_if_there_is_a_copy_more(self):
        self.assertEqual(self.faults({"a": NEW, "kept/b": OLD, "kept/a": NEW}), ["extra"])
        self.assertFalse(is_failure("end", "extra"))


class Operations(unittest.TestCase):
    def test_are_the_same_for_a_seed(self):
        for name in OPERATIONS:
            one, other = (case()._replace(operation=name).make_operation(1) for _ in range(2))
            self.assertEqual((one.before, one.other), (other.before, other.other))

    def test_have_full_scale_of_a_thousand_images_for_each_option(self):
        self.assertGreaterEqual(len(OPERATIONS) * len(FILE_SYSTEMS) * RECORDINGS * IMAGES, 1000)


if __name__ == "__main__":
    unittest.main()
