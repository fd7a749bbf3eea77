//! Tests of packed lists, against lists that are not.

use super::list::BLOCK_THINGS;
use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    text: String,
    number: u64,
    signed: i64,
    optional: Option<u32>,
}

impl Pack for Thing {
    fn pack(&self, before: Option<&Self>, writer: &mut Writer<'_>) {
        writer.text(before.map_or("", |before| &before.text), &self.text);
        writer.number(self.number);
        writer.signed(self.signed);
        writer.optional(self.optional);
    }

    fn unpack(before: Option<&Self>, reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            text: reader.text(before.map_or("", |before| &before.text))?,
            number: reader.number()?,
            signed: reader.signed()?,
            optional: reader.optional()?,
        })
    }
}

fn things() -> impl Strategy<Value = Vec<Thing>> {
    let thing = ("[aé/]{0,6}", any::<u64>(), any::<i64>(), any::<Option<u32>>());
    let thing = thing.prop_map(|(text, number, signed, optional)| Thing { text, number, signed, optional });
    prop::collection::vec(thing, 0..3 * BLOCK_THINGS)
}

fn numbered(count: usize) -> Vec<Thing> {
    let thing = |number| Thing { text: format!("d/{number:06}"), number, signed: 0, optional: None };
    (0..count as u64).map(thing).collect()
}

proptest! {
    #[test]
    fn a_packed_list_is_the_list(all in things(), other in things(), at in 0..4 * BLOCK_THINGS) {
        let mut packed: Packed<Thing> = all.iter().cloned().collect();
        packed.append(other.iter().cloned().collect());
        let mut plain = [all, other].concat();
        prop_assert_eq!(packed.len(), plain.len());
        prop_assert!(packed.iter().eq(plain.iter().cloned()));
        prop_assert!(packed.iter().rev().eq(plain.iter().rev().cloned()));
        prop_assert_eq!(packed.get(at), plain.get(at).cloned());
        prop_assert!(packed.range(at..at + 70).eq(plain.iter().skip(at).take(70).cloned()));
        packed.change(at, |thing| thing.number = 7);
        plain.get_mut(at).into_iter().for_each(|thing| thing.number = 7);
        prop_assert!(packed == plain.iter().cloned().collect());
        for _ in 0..at {
            prop_assert_eq!(packed.pop(), plain.pop());
        }
        packed.extend(plain.clone());
        let doubled = [plain.clone(), plain].concat();
        prop_assert!(packed.into_iter().eq(doubled));
    }
}

#[test]
fn the_place_of_a_thing_is_found_in_whichever_block_it_is() {
    for count in [0, 1, BLOCK_THINGS - 1, BLOCK_THINGS, BLOCK_THINGS + 1, 3 * BLOCK_THINGS + 5] {
        let list: Packed<Thing> = numbered(count).into_iter().collect();
        for at in 0..=count + 1 {
            let found = list.partition_point(|thing| thing.number < at as u64);
            assert_eq!(found, at.min(count), "of {count}");
        }
    }
}

#[test]
fn a_cursor_finds_things_in_whatever_order_they_are_looked_for() {
    for count in [0, 1, BLOCK_THINGS, 3 * BLOCK_THINGS + 5] {
        let all: Vec<Thing> = numbered(2 * count).into_iter().filter(|thing| thing.number % 2 == 1).collect();
        let list: Packed<Thing> = all.iter().cloned().collect();
        let (mut cursor, count) = (Cursor::default(), 2 * count as u64);
        let sought = (0..=count).chain((0..=count).rev()).chain((0..=count).map(|number| number * 37 % (count + 1)));
        for number in sought {
            let found = cursor.find(&list, |thing| thing.number.cmp(&number)).map(|thing| thing.number);
            assert_eq!(found, (number % 2 == 1 && number < count).then_some(number), "{number} of {count}");
        }
    }
}

#[test]
fn a_hundred_thousand_paths_take_little_memory() {
    let list: Packed<Thing> = numbered(100_000).into_iter().collect();
    assert!(list.memory_bytes() < 100_000 * 12, "{}", list.memory_bytes());
}
