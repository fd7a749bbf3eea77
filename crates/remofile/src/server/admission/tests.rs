//! Admission, on a clock of the test's.

use super::*;
use crate::server::options::ServerOptions;

/// Sessions by their numbers, on a clock of the test's.
struct Scene {
    admission: Admission<()>,
    presences: Vec<Presence>,
    began: Instant,
}

fn options(max_sessions: usize) -> ServerOptions {
    ServerOptions { max_sessions, sessions_per_address: Some(max_sessions), ..ServerOptions::default() }
}

fn from(address: &str) -> Place {
    let network = Network::of(address.parse().unwrap());
    Place { network, principal: PrincipalId(0), principal_limit: usize::MAX, client: None }
}

fn of_client(client: u8, incarnation: u64, connection: u64) -> Place {
    from("192.0.2.1").of_client(Some(ClientIdentity { client: [client; 16], incarnation, connection }))
}

impl Scene {
    fn new(options: &ServerOptions) -> Self {
        Self {
            admission: Admission::new(Limits::of(options), usize::MAX),
            presences: Vec::new(),
            began: Instant::now(),
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.began + Duration::from_secs(seconds)
    }

    /// Adds a session that begins at a second, and does nothing.
    fn idle(&mut self, place: Place, seconds: u64) {
        let presence = Presence::new(self.at(seconds), None);
        self.admission.add(self.presences.len() as u64, place, None, presence.clone(), ());
        self.presences.push(presence);
    }

    fn busy(&mut self, place: Place) {
        self.idle(place, 0);
        self.presences.last().unwrap().work();
    }

    fn ask(&mut self, address: &str, seconds: u64) -> Room {
        let now = self.at(seconds);
        self.admission.ask(from(address), &[], &[], now)
    }
}

#[test]
fn nobody_has_to_go_while_there_is_room() {
    let mut scene = Scene::new(&options(2));
    scene.idle(from("192.0.2.1"), 0);
    assert_eq!(scene.ask("192.0.2.2", 1_000_000), Room::Free);
    assert_eq!(scene.presences[0].leave(), None);
}

#[test]
fn what_is_left_of_a_client_ends_as_its_next_session_begins_and_nothing_of_others_does() {
    let mut scene = Scene::new(&options(9));
    let another_token = Place { principal: PrincipalId(1), ..of_client(1, 6, 0) };
    for place in [
        of_client(1, 6, 0),
        of_client(1, 6, 1),
        of_client(1, 7, 0),
        of_client(1, 7, 1),
        of_client(2, 6, 0),
        another_token,
        from("192.0.2.1"),
    ] {
        scene.busy(place);
    }
    assert!(scene.admission.end_replaced(&from("192.0.2.1"), &[]).is_empty());
    assert_eq!(scene.admission.end_replaced(&of_client(1, 7, 0), &[]), [0, 1, 2]);
    assert!(scene.admission.end_replaced(&of_client(1, 7, 0), &[]).is_empty(), "they end already");
    (0..7).for_each(|session| scene.admission.remove(session));
    assert!(scene.admission.of_client.is_empty());
}

#[test]
fn the_session_that_is_left_of_a_client_makes_room_for_its_next_one_though_it_works() {
    let mut scene = Scene::new(&options(2));
    scene.busy(of_client(1, 6, 0));
    scene.busy(of_client(2, 6, 0));
    let (now, next) = (scene.began, of_client(1, 7, 0));
    assert!(scene.admission.has_room(next, &[], &[], now));
    assert!(!scene.presences[0].is_leaving(), "a recording of a handshake ends nothing");
    assert_eq!(scene.admission.end_replaced(&next, &[]), [0]);
    assert_eq!(scene.admission.ask(next, &[], &[], now), Room::After(0));
    assert!(!scene.admission.has_room(of_client(1, 7, 1), &[], &[next], now), "it is promised");
    assert!(!scene.admission.has_room(of_client(3, 1, 0), &[], &[next], now));
    scene.admission.remove(0);
    assert_eq!(scene.admission.ask(next, &[], &[], now), Room::Free);
}

#[test]
fn a_session_that_is_asked_to_leave_twice_makes_room_for_one() {
    let mut scene = Scene::new(&options(2));
    scene.idle(of_client(1, 6, 0), 0);
    scene.busy(from("192.0.2.1"));
    assert_eq!(scene.ask("192.0.2.2", 30), Room::After(0));
    // Before it has noticed, its client comes back.
    assert_eq!(scene.admission.end_replaced(&of_client(1, 7, 0), &[]), [0]);
    assert_eq!(scene.admission.leaving(), [of_client(1, 6, 0)]);
}

#[test]
fn a_token_with_one_session_is_free_for_the_next_session_of_its_client() {
    let mut scene = Scene::new(&options(8));
    let limited = |place| Place { principal_limit: 1, ..place };
    scene.busy(limited(of_client(1, 6, 0)));
    let (now, next) = (scene.began, limited(of_client(1, 7, 0)));
    assert!(!scene.admission.has_room(limited(of_client(2, 7, 0)), &[], &[], now));
    assert!(scene.admission.has_room(next, &[], &[], now));
    scene.admission.end_replaced(&next, &[]);
    assert_eq!(scene.admission.ask(next, &[], &[], now), Room::Free);
}

#[test]
fn who_has_been_idle_longest_makes_room_and_who_works_never() {
    let mut scene = Scene::new(&options(3));
    scene.busy(from("192.0.2.1"));
    scene.idle(from("192.0.2.2"), 5);
    scene.idle(from("192.0.2.3"), 2);
    assert_eq!(scene.ask("192.0.2.4", 31), Room::None, "nobody has been idle for 30 s");
    assert_eq!(scene.ask("192.0.2.4", 32), Room::After(2));
    assert_eq!(scene.ask("192.0.2.5", 35), Room::After(1));
    assert_eq!(scene.ask("192.0.2.6", 1_000_000), Room::None, "one is at work, two make room for others");
}

#[test]
fn the_address_with_most_sessions_makes_room_before_others_that_are_idle_for_longer() {
    let mut scene = Scene::new(&options(4));
    scene.idle(from("192.0.2.1"), 0);
    // One network of IPv6 is one address, whatever the rest.
    for (number, address) in ["2001:db8::1", "2001:db8::2:1", "2001:db8::3:4:5:6"].into_iter().enumerate() {
        scene.idle(from(address), 10 - number as u64);
    }
    assert_eq!(scene.ask("192.0.2.9", 100), Room::After(3));
}

#[test]
fn an_address_that_has_its_share_makes_room_itself_and_leaves_the_rest_to_others() {
    let mut scene = Scene::new(&ServerOptions { max_sessions: 4, ..ServerOptions::default() });
    scene.idle(from("192.0.2.9"), 0);
    for _ in 0..3 {
        scene.busy(from("192.0.2.1"));
    }
    assert_eq!(scene.ask("192.0.2.1", 100), Room::None, "it has three quarters, all at work");
    scene.presences[2].rest(scene.at(100));
    assert_eq!(scene.ask("192.0.2.1", 130), Room::After(2), "not another's, which has been idle for longer");
    assert_eq!(scene.ask("192.0.2.2", 130), Room::After(0));
}

#[test]
fn the_clients_of_one_token_share_what_one_token_has() {
    let mut scene = Scene::new(&options(8));
    let two_at_most = |address| Place { principal_limit: 2, ..from(address) };
    let other = Place { principal: PrincipalId(1), ..from("192.0.2.1") };
    scene.idle(other, 0);
    scene.busy(two_at_most("192.0.2.2"));
    scene.busy(two_at_most("192.0.2.3"));
    let newcomer = two_at_most("192.0.2.4");
    assert_eq!(scene.admission.ask(newcomer, &[], &[], scene.began + Duration::from_secs(100)), Room::None);
    assert_eq!(scene.admission.ask(other, &[], &[], scene.began + Duration::from_secs(100)), Room::Free);
    scene.presences[1].rest(scene.at(100));
    assert_eq!(scene.admission.ask(newcomer, &[], &[], scene.began + Duration::from_secs(130)), Room::After(1));
}

#[test]
fn what_is_promised_counts_until_it_is_taken() {
    let mut scene = Scene::new(&ServerOptions { sessions_per_address: Some(1), ..options(2) });
    scene.idle(from("192.0.2.1"), 0);
    scene.idle(from("192.0.2.2"), 0);
    let newcomer = from("192.0.2.3");
    let now = scene.at(30);
    let room = scene.admission.ask(newcomer, &[], &[], now);
    let Room::After(leaving) = room else { panic!("{room:?}") };
    assert!(scene.admission.is_leaving(leaving));
    assert!(!scene.admission.has_room(newcomer, &[], &[newcomer], now), "its address has its share");
    scene.admission.remove(leaving);
    assert!(!scene.admission.is_leaving(leaving));
    assert_eq!(scene.admission.ask(newcomer, &[], &[], now), Room::Free);
}

#[test]
fn one_address_has_three_quarters_and_at_least_one() {
    assert_eq!([1, 2, 3, 4, 8, 512].map(share_of), [1, 2, 3, 3, 6, 384]);
}

#[test]
fn connections_that_a_client_has_left_end_and_make_room_and_no_others_do() {
    let mut scene = Scene::new(&options(4));
    let sessions = [of_client(1, 7, 0), of_client(1, 7, 1), of_client(1, 7, 2), of_client(2, 7, 1)];
    sessions.into_iter().for_each(|place| scene.busy(place));
    let (next, now) = (of_client(1, 7, 3), scene.began);
    assert!(!scene.admission.has_room(next, &[], &[], now), "all are at work");
    assert!(scene.admission.has_room(next, &[0, 1], &[], now));
    assert_eq!(scene.admission.end_replaced(&next, &[0, 1, 9]), [0, 1]);
    assert_eq!(scene.admission.ask(next, &[0, 1], &[], now), Room::After(0));
}
