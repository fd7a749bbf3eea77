//! Histories at random: servers that see changes late, miss some, lose the coordinator and die, and a checker of what they grant.

use super::*;

/// A simple generator of numbers.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

struct Server {
    machine: Machine,
    term: Term,
    /// Changes on their way to the coordinator.
    sent: Option<Vec<Change>>,
    /// Claims that operations have made and not given back.
    asked: BTreeMap<u64, (u64, Arc<[Claim]>, State)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waits,
    Granted,
}

struct World {
    log: Log,
    servers: Vec<Server>,
    chance: Chance,
    next_ticket: u64,
    next_term: i64,
    granted: u64,
    settled: u64,
}

const PATHS: [&str; 7] = ["/", "/a", "/a/b", "/a/b/c", "/a/c", "/d", "/d/e"];

impl World {
    fn new(seed: u64) -> Self {
        let (log, mut servers) = (Log::default(), Vec::new());
        for server in 1..=3 {
            let term = Term(i64::try_from(server).unwrap());
            servers.push(Server { machine: machine(server, &log), term, sent: None, asked: BTreeMap::new() });
        }
        let chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Self { log, servers, chance, next_ticket: 1, next_term: 100, granted: 0, settled: 0 }
    }

    fn step(&mut self) {
        let at = usize::try_from(self.chance.below(3)).unwrap();
        match self.chance.below(100) {
            0..25 => self.ask(at),
            25..45 => self.send(at),
            45..75 => self.see(at),
            75..92 => self.give_back(at),
            92..95 => self.miss(at),
            95..97 => self.lose(at),
            _ => self.write_twice(at),
        }
        self.take_outcomes(at);
        self.check();
    }

    fn ask(&mut self, at: usize) {
        let chance = &mut self.chance;
        let path = PATHS[usize::try_from(chance.below(PATHS.len() as u64)).unwrap()];
        let access = if chance.below(3) == 0 { Access::Read } else { Access::Write };
        // Some clients have sessions at several servers.
        let client = chance.below(12);
        let (token, waits) = (client % 2, chance.below(3) > 0);
        let claimant = Claimant {
            token: format!("token {token}"),
            identity: identity(u8::try_from(client).unwrap(), 1 + chance.below(2)),
            client: ClientKey::of_session(client),
            waits,
            ..claimant(client)
        };
        let (ticket, claims) = (self.next_ticket, claims(path, access));
        self.next_ticket += 1;
        let server = &mut self.servers[at];
        let conflicts_here =
            server.asked.values().any(|(other, theirs, _)| *other != client && conflict(&claims, theirs));
        if conflicts_here {
            // A matter of the table of this server, which has it wait.
            return;
        }
        let is_granted = server.machine.enter(ticket, &claimant, &claims, 0);
        let state = if is_granted { State::Granted } else { State::Waits };
        server.asked.insert(ticket, (client, claims, state));
    }

    fn send(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let changes = server.sent.take().unwrap_or_else(|| server.machine.take_changes(3, 1 << 20));
        let is_over = !changes.is_empty() && !self.log.write(&changes);
        if is_over {
            self.lose(at);
        }
    }

    /// A write whose answer is lost is made again, perhaps much later.
    fn write_twice(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if server.sent.is_none() {
            let changes = server.machine.take_changes(3, 1 << 20);
            let _written = self.log.write(&changes);
            server.sent = Some(changes);
        }
    }

    fn see(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let (after, all) = (server.machine.revision(), self.log.revision);
        let to = after + self.chance.below(all - after.min(all) + 1);
        server.machine.take(&self.log.between(after, to), Duration::ZERO);
    }

    fn miss(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if server.machine.term().is_some() && server.machine.revision() <= self.log.revision {
            server.machine.resync(&self.log.snapshot(), Duration::ZERO, 0);
        }
    }

    fn give_back(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let count = server.asked.len() as u64;
        if count == 0 {
            return;
        }
        let which = usize::try_from(self.chance.below(count)).unwrap();
        let ticket = *server.asked.keys().nth(which).unwrap();
        if server.asked[&ticket].2 == State::Granted || self.chance.below(4) == 0 {
            server.asked.remove(&ticket);
            server.machine.leave(ticket);
        }
    }

    /// The coordinator is lost: everything ends before the term does, and another one begins.
    fn lose(&mut self, at: usize) {
        self.servers[at].machine.lose();
        self.take_outcomes(at);
        let server = &mut self.servers[at];
        assert!(server.asked.is_empty());
        server.sent = None;
        self.log.end(server.term);
        server.term = Term(self.next_term);
        self.next_term += 1;
        server.machine.join(server.term, &self.log.snapshot(), Duration::ZERO, 0);
    }

    fn take_outcomes(&mut self, at: usize) {
        let server = &mut self.servers[at];
        for outcome in server.machine.take_outcomes() {
            match outcome {
                Outcome::Settled(ticket, Settled::Granted) => {
                    if let Some(asked) = server.asked.get_mut(&ticket) {
                        asked.2 = State::Granted;
                        self.granted += 1;
                    }
                }
                Outcome::Settled(ticket, Settled::Refused | Settled::Failed(_)) => {
                    server.asked.remove(&ticket);
                    server.machine.leave(ticket);
                    self.settled += 1;
                }
                Outcome::Lost => {
                    let all: Vec<u64> = server.asked.keys().copied().collect();
                    for ticket in all {
                        server.asked.remove(&ticket);
                        server.machine.leave(ticket);
                    }
                }
                Outcome::Settled(_, Settled::Waits) | Outcome::Replaced { .. } => {}
            }
        }
    }

    /// No two servers have granted what conflicts, but to one client.
    fn check(&self) {
        let held = |server: &Server| -> Vec<(u64, Arc<[Claim]>)> {
            let held = server.asked.values().filter(|(.., state)| *state == State::Granted);
            held.map(|(client, claims, _)| (*client, Arc::clone(claims))).collect()
        };
        for (at, one) in self.servers.iter().enumerate() {
            for other in &self.servers[at + 1..] {
                for (client, claims) in held(one) {
                    for (stranger, theirs) in held(other) {
                        assert!(client == stranger || !conflict(&claims, &theirs), "{claims:?} {theirs:?}");
                    }
                }
            }
        }
    }

    /// Everything that was asked for is granted sooner or later, if everybody gives back what it has.
    fn run_out(&mut self) {
        for _ in 0..10_000 {
            for at in 0..self.servers.len() {
                self.send(at);
                let server = &mut self.servers[at];
                let after = server.machine.revision();
                server.machine.take(&self.log.between(after, self.log.revision), Duration::ZERO);
                self.take_outcomes(at);
                self.check();
                let server = &mut self.servers[at];
                let granted = server.asked.iter().find(|(_, asked)| asked.2 == State::Granted);
                if let Some(ticket) = granted.map(|(ticket, _)| *ticket) {
                    server.asked.remove(&ticket);
                    server.machine.leave(ticket);
                }
            }
            let is_idle =
                |server: &Server| server.asked.is_empty() && !server.machine.has_changes() && server.sent.is_none();
            if self.servers.iter().all(is_idle) {
                return assert_eq!(self.log.values.len(), 0, "nothing is left");
            }
        }
        panic!("somebody waits for ever");
    }
}

fn conflict(some: &[Claim], others: &[Claim]) -> bool {
    super::super::shared_claim::meeting(some, others).is_some()
}

#[test]
fn no_two_servers_grant_what_conflicts_and_nobody_waits_for_ever() {
    let (mut granted, mut settled) = (0, 0);
    for seed in 1..=400 {
        let mut world = World::new(seed);
        (0..400).for_each(|_| world.step());
        world.run_out();
        (granted, settled) = (granted + world.granted, settled + world.settled);
    }
    assert!(granted > 5_000 && settled > 1_000, "{granted} were granted, {settled} refused: the histories say little");
}
