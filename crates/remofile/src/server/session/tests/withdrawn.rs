//! Rights that are missing when more is named in an operation that has begun, or waits.

use super::*;
use crate::server::principal::{Principal, Rights};

#[test]
fn sources_that_are_named_one_by_one_are_decided_about_when_they_come_also_before_the_operation_begins() {
    let scene = Scene::new(16 * MIB);
    let nothing = Principal { rights: Rights::of(&[]), ..Principal::unlimited(&scene.shared.options) };
    let nothing = Grant::new(nothing, &scene.grant.store, &scene.shared.options, Vec::new(), Arc::default());
    let nothing = Arc::new(nothing);
    for waits in [false, true] {
        let (mut holder, mut session) = (scene.session(1), scene.session(2));
        if waits {
            ask(&mut holder, 1, upload(None));
        }
        let selection = Selection { one_by_one: true, ..Selection::default() };
        ask(&mut session, 1, download(None, Some(selection)));
        assert_eq!(session.operations[&OperationId(1)].queued_request().is_some(), waits);
        session.peer.grant = Arc::clone(&nothing);
        let selected = Selected { path: root(), name: "a".to_owned(), known: None, as_link: false, parts: Vec::new() };
        tell(&mut session, 1, Signal::Select { files: vec![selected] });
        let (ended, _) = listen(&mut session);
        assert_eq!(ended[&1].as_ref().unwrap_err().code, ErrorCode::PermissionDenied, "waits: {waits}");
    }
}
