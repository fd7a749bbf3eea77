use crate::codes::Own;
use crate::edge::call;
use crate::fault::Fault;
use crate::place::Place;
use crate::pointers::Out;
use crate::types::ErrorDetails;

/// Details of an error, as REMOFILE_INIT makes them.
fn details() -> Box<ErrorDetails> {
    Box::new(ErrorDetails::empty())
}

fn text(bytes: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = bytes.iter().map(|byte| byte.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_panic_does_not_cross_the_edge_and_its_object_is_not_used_again() {
    let (place, mut told) = (Place::new(1), details());
    let code = call(Out::of_mut(&mut told), || {
        let _turn = place.take()?;
        panic!("in the middle");
    });
    assert_eq!((code, told.code), (Own::Panic as i32, Own::Panic as i32));
    assert!(text(&told.message).contains("in the middle"));
    assert!(place.is_broken());
    assert!(matches!(place.take(), Err(Fault::Wrong(Own::Panic, _))));
}

#[test]
fn the_details_of_an_error_are_told() {
    let mut told = details();
    let failure = remofile::protocol::wire::Failure::new(remofile::protocol::wire::ErrorCode::NotFound).at("/a\u{e9}");
    let code = call(Out::of_mut(&mut told), || Err(remofile::Error::Remote(failure).into()));
    assert_eq!((code, told.code, told.is_remote), (1001, 1001, 1));
    assert_eq!((text(&told.name).as_str(), text(&told.path).as_str()), ("not-found", "/a\u{e9}"));
}

#[test]
fn details_of_another_size_are_refused_before_anything_is_done() {
    for size in [0, 8, size_of::<ErrorDetails>() - 1, usize::MAX] {
        let mut told = details();
        told.struct_size = size;
        let code = call(Out::of_mut(&mut told), || panic!("it was done"));
        assert_eq!((code, told.code), (Own::WrongSize as i32, 0));
    }
}
