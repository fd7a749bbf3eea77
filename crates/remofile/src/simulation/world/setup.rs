//! The beginning of a world.

use super::World;
use crate::carrier::clock;
use crate::server::ServerOptions;
use crate::server::simulated::SimulatedServer;
use crate::simulation::chance::Chance;
use crate::simulation::client::{Client, User};
use crate::simulation::disk::Disk;
use crate::simulation::former::{FormerClient, FormerTask};
use crate::simulation::model::Model;
use crate::simulation::mutant::Mutant;
use crate::simulation::task::{Task, Upload, own_directory, shared_directory};
use crate::store::Fsync;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Connections of all users together at most.
const MOST_CONNECTIONS: usize = 4;

impl World {
    pub(in crate::simulation) fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let mut chance = Chance::new(seed);
        let fsync = if chance.one_in(4) { Fsync::Each } else { Fsync::End };
        let users = users(&mut chance);
        let users_count = users.len();
        let directories: Vec<_> = (0..users_count).map(own_directory).chain([shared_directory()]).collect();
        let disk = Disk::new(chance.split(), fsync, mutant, &directories);
        {
            let mut state = disk.lock();
            state.failing = *chance.pick(&[0, 0, 5, 30]);
            state.slow = *chance.pick(&[0, 20, 200]);
        }
        let largest = if chance.one_in(8) { 1_700_000 } else { 40_000 };
        let half = (mutant == Some(Mutant::HalfCopies)).then_some(Mutant::HalfFiles);
        let mut clients = Vec::new();
        for (number, connections) in users.into_iter().enumerate() {
            let disk = Disk::new(chance.split(), Fsync::End, half, &directories);
            disk.lock().failing = *chance.pick(&[0, 0, 0, 5]);
            let user = User { number, disk, mutant };
            for (connection, tasks) in tasks(&mut chance, number, largest, connections).into_iter().enumerate() {
                clients.push(Client::new(clients.len(), &user, connection as u64, tasks, chance.split()));
            }
        }
        let former = |chance: &mut Chance, number: usize| {
            let own = own_directory(number % users_count);
            let directory = |chance: &mut Chance| if chance.one_in(2) { shared_directory() } else { own.clone() };
            let task = |chance: &mut Chance| {
                let directory = directory(chance);
                FormerTask::any(chance, &directory, largest)
            };
            let tasks = (0..1 + chance.below(4)).map(|_| task(chance)).collect();
            FormerClient::new(chance.split(), tasks)
        };
        let formers = chance.below(6).saturating_sub(3);
        let formers = (0..formers).map(|number| former(&mut chance, number)).collect();
        // The bug is that the server does not flush although it was asked to.
        let fsync = if mutant == Some(Mutant::EarlyAcknowledgement) { Fsync::None } else { fsync };
        let options = ServerOptions { fsync, ..ServerOptions::default() };
        let base = Instant::now();
        clock::simulated::set(Some(base));
        let next_fault = chance.time(Duration::from_secs(8));
        Self {
            chance,
            mutant,
            base,
            step: 0,
            server: Some(SimulatedServer::new(options.clone())),
            options,
            disk,
            lines: BTreeMap::new(),
            next_line: 0,
            clients,
            formers,
            model: Model::default(),
            next_fault,
            is_stopping: false,
            events: VecDeque::new(),
            trace: 0,
            is_told_all: std::env::var_os("SIMULATION_TRACE").is_some(),
        }
    }
}

/// The connections of each user.
fn users(chance: &mut Chance) -> Vec<usize> {
    let mut users: Vec<usize> = Vec::new();
    for _ in 0..=chance.below(MOST_CONNECTIONS) {
        match users.last_mut() {
            Some(connections) if chance.one_in(3) => *connections += 1,
            _ => users.push(1),
        }
    }
    users
}

/// Tasks of a user, by connections.
fn tasks(chance: &mut Chance, user: usize, largest: usize, connections: usize) -> Vec<VecDeque<Task>> {
    let own = |chance: &mut Chance| (0..1 + chance.below(4)).map(|_| Task::any(chance, user, largest)).collect();
    let mut tasks: Vec<VecDeque<Task>> = (0..connections).map(|_| own(chance)).collect();
    if connections > 1 && chance.one_in(2) {
        let shares = Upload::shared(chance, user, largest, connections);
        for (tasks, share) in tasks.iter_mut().zip(shares) {
            let at = chance.below(tasks.len() + 1);
            tasks.insert(at, Task::Upload(share));
        }
    }
    tasks
}
