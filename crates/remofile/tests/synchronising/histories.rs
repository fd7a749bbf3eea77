//! Random trees with random histories: after a run both sides are equal, and a second finds nothing to do.

use crate::synchronising::scene::{Scene, Way, deleting, look};
use proptest::prelude::*;
use remofile::{Delta, SyncOptions};
use std::fs;
use std::path::Path;

/// An edit of a tree; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Edit {
    Write(u8, u32, u8),
    Append(u8, u8),
    Remove(u8),
    MakeDirectory(u8),
    Rename(u8, u8),
    Touch(u8, i32),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (any::<u8>(), 0..200_000_u32, any::<u8>()).prop_map(|(at, size, seed)| Edit::Write(at, size, seed)),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(at, seed)| Edit::Append(at, seed)),
        2 => any::<u8>().prop_map(Edit::Remove),
        2 => any::<u8>().prop_map(Edit::MakeDirectory),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => (any::<u8>(), any::<i32>()).prop_map(|(at, time)| Edit::Touch(at, time)),
    ]
}

/// Few names, so that files and directories take each other's.
fn name(number: u8) -> String {
    const NAMES: [&str; 6] = ["a", "b", "c.txt", "d e", "f-", "é"];
    let pick = |number: u8| NAMES[usize::from(number) % NAMES.len()];
    match number % 4 {
        0 => pick(number / 4).to_owned(),
        1 => format!("{}/{}", pick(number / 4), pick(number / 24)),
        _ => format!("{}/{}/{}", pick(number / 4), pick(number / 24), pick(number / 3)),
    }
}

fn apply(root: &Path, edit: &Edit) {
    // What cannot be done, as a name is in the way, is not done.
    let place = |number: u8| {
        let path = root.join(name(number));
        let _made = fs::create_dir_all(path.parent().unwrap());
        path
    };
    let _done = match edit {
        Edit::Write(at, size, seed) => {
            let content: Vec<u8> = (0..*size).map(|n| (n / 7) as u8 ^ (n >> 9) as u8 ^ seed).collect();
            fs::write(place(*at), content)
        }
        Edit::Append(at, seed) => fs::read(place(*at)).and_then(|mut content| {
            content.extend_from_slice(&[*seed; 100]);
            fs::write(place(*at), content)
        }),
        Edit::Remove(at) => {
            let path = place(*at);
            fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path))
        }
        Edit::MakeDirectory(at) => fs::create_dir_all(place(*at)),
        Edit::Rename(from, to) => fs::rename(place(*from), place(*to)),
        Edit::Touch(at, time) => {
            let path = place(*at);
            if path.is_file() {
                crate::synchronising::scene::set_time(&path, i64::from(*time), 5);
            }
            Ok(())
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 5))]

    #[test]
    fn after_any_history_both_sides_are_equal(
        first in prop::collection::vec(edit(), 0..25),
        second in prop::collection::vec(edit(), 0..25),
        third in prop::collection::vec(edit(), 0..10),
        up in any::<bool>(),
        delta in any::<bool>(),
    ) {
        let mut scene = Scene::new(if up { Way::Up } else { Way::Down });
        let delta = if delta { Delta::Always } else { Delta::Never };
        let options = SyncOptions { delta, ..deleting() };
        first.iter().for_each(|edit| apply(&scene.source(), edit));
        scene.sync_whole(&options);
        second.iter().for_each(|edit| apply(&scene.source(), edit));
        third.iter().for_each(|edit| apply(&scene.destination(), edit));
        // Content of the same size that was written in the same tick would look the same.
        let options = SyncOptions { checksum: true, ..options };
        let report = scene.sync(&options);
        prop_assert_eq!(&report.transfer.failures, &[]);
        prop_assert_eq!(look(&scene.destination()), look(&scene.source()));
        let again = scene.sync(&options);
        prop_assert!(crate::synchronising::scene::changes(&again.plan).is_empty());
    }
}
