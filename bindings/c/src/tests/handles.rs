use crate::codes::Own;
use crate::fault::Fault;
use crate::handles::{close, get, open};
use crate::place::Place;
use crate::server::ServerPlace;
use crate::types::{Client, Server};
use std::ptr::without_provenance_mut;

fn code<T>(result: Result<T, Fault>) -> i32 {
    result.err().map_or(0, |fault| fault.code())
}

#[test]
fn closed_foreign_and_null_handles_and_those_of_another_type_are_told() {
    let server = open::<Server>(ServerPlace::idle()).unwrap();
    assert!(get(server).is_ok());
    assert_eq!(code(get(server.cast::<Client>())), Own::WrongHandle as i32);
    assert_eq!(code(get::<Client>(std::ptr::null())), Own::NullArgument as i32);
    let object = 0_u64;
    assert_eq!(code(get((&raw const object).cast::<Client>())), Own::ForeignHandle as i32);
    for number in [1, 16, usize::MAX, server.addr() + 1, server.addr() + (1 << 40), server.addr() & !(0xFF << 56)] {
        assert_eq!(code(get(without_provenance_mut::<Server>(number))), Own::ForeignHandle as i32, "{number:#x}");
    }
    close(server).unwrap();
    assert_eq!(code(get(server)), Own::ClosedHandle as i32);
    assert_eq!(code(close(server)), Own::ClosedHandle as i32);
}

#[test]
fn a_closed_handle_never_names_another_object() {
    let first = open::<Server>(ServerPlace::idle()).unwrap();
    close(first).unwrap();
    for _ in 0..10_000 {
        let another = open::<Server>(ServerPlace::idle()).unwrap();
        assert_ne!(another, first);
        assert_eq!(code(get(first)), Own::ClosedHandle as i32);
        close(another).unwrap();
    }
}

#[test]
fn two_calls_do_not_have_one_object() {
    let place = Place::new(1);
    let turn = place.take().unwrap();
    assert_eq!(code(place.take()), Own::InCallback as i32);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| (code(place.take()), place.cancel().is_ok()));
        assert_eq!(other.join().unwrap(), (Own::InUse as i32, true));
    });
    assert!(turn.interrupt().is_triggered());
    drop(turn);
    assert_eq!(code(place.cancel()), Own::NotRunning as i32);
    assert!(!place.take().unwrap().interrupt().is_triggered(), "a later call was cancelled, too");
}
