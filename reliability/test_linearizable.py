import random
import unittest

from linearizable import NEVER, READ, REMOVE, WRITE, Event, explain


def write(value, begin, end=NEVER):
    return Event(WRITE, value, begin, end)


def read(value, begin, end):
    return Event(READ, value, begin, end)


def remove(begin, end=NEVER):
    return Event(REMOVE, None, begin, end)


class AcceptedTest(unittest.TestCase):
    def accept(self, *events):
        self.assertIsNone(explain(events))

    def test_one_after_the_other(self):
        self.accept(read(None, 0, 1), write("a", 2, 3), read("a", 4, 5), remove(6, 7), read(None, 8, 9))

    def test_a_read_beside_a_write_sees_either(self):
        for value in ("a", "b"):
            self.accept(write("a", 0, 1), write("b", 2, 5), read(value, 3, 4), read("b", 6, 7))

    def test_writes_beside_each_other_end_in_either_order(self):
        for value in ("a", "b"):
            self.accept(write("a", 0, 5), write("b", 1, 4), read(value, 6, 7))

    def test_what_nobody_saw_end_may_have_happened_late_or_never(self):
        self.accept(write("a", 0, 1), write("b", 2), read("a", 3, 4), read("b", 100, 101))
        self.accept(write("a", 0, 1), write("b", 2), read("a", 3, 4), read("a", 100, 101))
        self.accept(write("a", 0, 1), remove(2), read("a", 3, 4), read(None, 5, 6))
        self.accept(write("a", 0), remove(2, 3), read(None, 4, 5))


class RegularTest(unittest.TestCase):
    """Histories that are not linearizable, and are those of a regular register."""

    def accept(self, *events):
        self.assertTrue(explain(events))
        self.assertIsNone(explain(events, is_regular=True))

    def refuse(self, *events):
        self.assertTrue(explain(events, is_regular=True))

    def test_the_new_one_and_then_the_old_one_while_it_is_written(self):
        self.accept(write("a", 0, 1), write("b", 2, 9), read("b", 3, 4), read("a", 5, 6), read("b", 10, 11))
        self.accept(write("a", 0, 1), remove(2, 9), read(None, 3, 4), read("a", 5, 6), read(None, 10, 11))

    def test_what_nobody_saw_end_is_seen_by_some_until_the_next_change_is_done(self):
        lost = [write("a", 0, 1), write("b", 2), read("b", 3, 4), read("a", 5, 6), read("b", 7, 8)]
        self.accept(*lost)
        self.accept(*lost, write("c", 9, 10), read("c", 11, 12))
        self.refuse(*lost, write("c", 9, 10), read("b", 11, 12))
        self.refuse(*lost, write("c", 9, 10), read("a", 11, 12))
        self.accept(write("a", 0, 1), remove(2), read(None, 3, 4), read("a", 5, 6), read(None, 7, 8))
        self.accept(write("a", 0), remove(1, 2), write("b", 3), read("b", 4, 5), read(None, 6, 7), read("b", 8, 9))

    def test_a_change_that_is_done_is_seen_by_all(self):
        self.refuse(write("a", 0, 1), write("b", 2, 3), read("a", 4, 5))
        self.refuse(write("a", 0, 1), write("b", 2, 9), read("b", 3, 4), read("a", 10, 11))
        self.refuse(write("a", 0, 1), remove(2, 3), read("a", 4, 5))
        self.refuse(write("a", 0, 1), read(None, 2, 3))

    def test_nothing_is_seen_before_it_is_begun(self):
        self.refuse(write("a", 0, 1), read("b", 2, 3), write("b", 4, 5))
        self.refuse(write("a", 0, 1), read("b", 2, 3), write("b", 4))


class RefusedTest(unittest.TestCase):
    def refuse(self, *events):
        self.assertTrue(explain(events))

    def test_a_stale_read(self):
        self.refuse(write("a", 0, 1), write("b", 2, 3), read("a", 4, 5))

    def test_a_lost_write(self):
        self.refuse(write("a", 0, 1), read(None, 2, 3))
        self.refuse(write("a", 0, 1), write("b", 2, 3), remove(4, 5), read("b", 6, 7))

    def test_a_content_that_nobody_wrote(self):
        self.refuse(write("a", 0, 1), read("half of a", 2, 3))
        self.refuse(read("a", 0, 1), write("a", 2, 3))

    def test_the_new_one_and_then_the_old_one_while_it_is_written(self):
        self.refuse(write("a", 0, 1), write("b", 2, 9), read("b", 3, 4), read("a", 5, 6))

    def test_readers_that_see_two_writes_in_different_orders(self):
        self.refuse(
            write("a", 0, 9), write("b", 0, 9),
            read("a", 1, 2), read("b", 3, 4), read("a", 5, 6),
        )

    def test_a_removal_of_nothing(self):
        self.refuse(remove(0, 1))
        self.refuse(write("a", 0, 1), remove(2, 3), remove(4, 5))
        self.refuse(write("a", 0, 1), remove(2, 9), remove(2, 9), read(None, 10, 11))

    def test_what_nobody_saw_end_does_not_happen_twice_or_early(self):
        self.refuse(write("a", 0), write("b", 1, 2), read("a", 3, 4), write("c", 5, 6), read("a", 7, 8))
        self.refuse(read("a", 0, 1), write("a", 2))


class RandomHistoryTest(unittest.TestCase):
    """Histories of a real register: all are accepted, and refused once one of their reads is replaced by a stale one."""

    def history(self, chance):
        value, events, now = None, [], 0.0
        for number in range(200):
            # It happens now; it began up to some operations earlier and ends later.
            now += 1
            begin, end = now - chance.uniform(0, 6), now + chance.uniform(0, 6)
            kind = chance.choice([READ, READ, WRITE, REMOVE])
            if kind == REMOVE and value is None:
                kind = READ
            if kind == WRITE:
                value = str(number)
            elif kind == REMOVE:
                value = None
            is_unknown = kind != READ and chance.random() < 0.02
            events.append(Event(kind, value, begin, NEVER if is_unknown else end))
        return events

    def test_what_a_register_does_is_accepted_and_a_stale_read_is_not(self):
        for seed in range(8):
            chance = random.Random(seed)
            events = self.history(chance)
            self.assertIsNone(explain(events), seed)
            stale = Event(READ, next(event.value for event in events if event.kind == WRITE), 1_000, 1_001)
            last = Event(WRITE, "last", 900, 901)
            self.assertTrue(explain([*events, last, stale]), seed)


if __name__ == "__main__":
    unittest.main()
