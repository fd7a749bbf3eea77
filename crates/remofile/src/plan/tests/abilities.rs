//! No plan has a step that the destination cannot do.

use super::super::node::is_below;
use super::super::{Action, Rules};
use super::model::plan;
use super::random::{rules, trees};
use proptest::prelude::*;
use remofile_protocol::handshake::{Capabilities, Capability};
use remofile_protocol::wire::Kind;

proptest! {
    #[test]
    fn no_plan_has_a_step_that_the_destination_cannot_do(
        (source, destination) in trees(),
        rules in rules(),
        lacking in prop::sample::select(vec![Capability::Renames, Capability::Times, Capability::Replacing]),
    ) {
        let rules = Rules { capabilities: Capabilities::ALL.without(lacking), ..rules };
        let steps = plan(&source, &destination, rules).steps.to_vec();
        for step in &steps {
            let is_possible = match (&step.action, lacking) {
                (Action::Rename(_), Capability::Renames) => false,
                // What is in a directory goes while what takes its place waits beside it, to be renamed.
                (Action::Clear { kind: Kind::Directory }, Capability::Renames) => !steps.iter().any(|other| {
                    matches!(other.action, Action::Delete { .. }) && is_below(&other.path, &step.path)
                }),
                (Action::Touch(touch), Capability::Times) => touch.modified.is_none(),
                (Action::Update { .. } | Action::Link { replaces: true, .. }, Capability::Replacing) => false,
                _ => true,
            };
            prop_assert!(is_possible, "{step:?} without {lacking:?}");
        }
    }
}
