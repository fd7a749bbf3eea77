use super::*;
use std::sync::mpsc::{Receiver, Sender, channel};

fn waker() -> Waker {
    Waker::new().unwrap()
}

/// A job that waits until it is told to end.
fn gated(pool: &Pool) -> (Sender<()>, Receiver<()>, Pending<()>) {
    let (open, gate) = channel();
    let (begin, begun) = channel();
    let pending = pool.run(waker(), move || {
        begin.send(()).unwrap();
        let _closed = gate.recv();
    });
    (open, begun, pending)
}

#[test]
fn more_jobs_than_threads_wait_and_are_done_in_their_order() {
    let pool = Pool::new(1);
    let (open, begun, first) = gated(&pool);
    begun.recv().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let jobs: Vec<_> = (0..10)
        .map(|number| {
            let order = Arc::clone(&order);
            pool.run(waker(), move || order.lock().unwrap().push(number))
        })
        .collect();
    assert!(jobs.iter().all(|job| job.take().is_none()));
    drop(open);
    first.wait().unwrap();
    jobs.into_iter().for_each(|job| job.wait().unwrap());
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(pool.handle.0.lock().threads, 1);
}

#[test]
fn jobs_that_wait_do_not_keep_others_waiting_while_there_are_threads() {
    let pool = Pool::new(8);
    let gated: Vec<_> = (0..7).map(|owner| gated(&pool.of(Owner(owner)))).collect();
    gated.iter().for_each(|(_, begun, _)| begun.recv().unwrap());
    assert_eq!(pool.run(waker(), || 5).wait(), Ok(5));
}

#[test]
fn a_job_that_panics_is_lost_and_its_thread_serves_on() {
    let pool = Pool::new(1);
    let lost = pool.run(waker(), || {
        if true {
            std::panic::resume_unwind(Box::new("a job's"));
        }
    });
    assert_eq!(lost.wait(), Err(Lost));
    assert_eq!(pool.run(waker(), || 7).wait(), Ok(7));
}

#[test]
fn what_was_given_is_done_when_the_pool_goes_and_drained_before() {
    let pool = Pool::new(1);
    let (open, _begun, first) = gated(&pool);
    let second = pool.run(waker(), || 3);
    let (tell, told) = channel();
    second.then(move |result| tell.send(result).unwrap());
    drop(open);
    pool.drain();
    assert_eq!((first.take(), told.try_recv()), (Some(Ok(())), Ok(Ok(3))));
    let (open, _begun, last) = gated(&pool);
    drop(pool);
    drop(open);
    assert_eq!(last.wait(), Ok(()));
}

#[test]
fn a_result_that_is_there_is_given_at_once_and_the_waker_called() {
    let (pool, called) = (Pool::new(1), waker());
    let pending = pool.run(called.clone(), || 9);
    let mut descriptors = [rustix::event::PollFd::new(&called, rustix::event::PollFlags::IN)];
    let soon = rustix::event::Timespec { tv_sec: 30, tv_nsec: 0 };
    assert_eq!(rustix::event::poll(&mut descriptors, Some(&soon)), Ok(1));
    let (tell, told) = channel();
    pending.then(move |result| tell.send(result).unwrap());
    assert_eq!(told.try_recv(), Ok(Ok(9)));
}

#[test]
fn an_owner_whose_jobs_hang_leaves_threads_for_others() {
    let pool = Pool::new(4);
    let (one, other) = (pool.of(Owner(1)), pool.of(Owner(2)));
    let hanging: Vec<_> = (0..9).map(|_| gated(&one)).collect();
    hanging[..3].iter().for_each(|(_, begun, _)| begun.recv().unwrap());
    assert_eq!(other.run(waker(), || 5).wait(), Ok(5));
    assert!(hanging[3].1.try_recv().is_err(), "it has its share");
    // They go on as soon as one of them is over.
    for (open, begun, pending) in hanging {
        drop(open);
        pending.wait().unwrap();
        begun.recv().unwrap_or(());
    }
    pool.drain();
    let state = pool.handle.0.lock();
    assert!(state.jobs.is_empty() && state.order.is_empty() && state.running.is_empty() && state.waiting == 0);
}

#[test]
fn owners_take_turns() {
    let pool = Pool::new(1);
    let (open, begun, first) = gated(&pool);
    begun.recv().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let jobs: Vec<_> = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
        .into_iter()
        .map(|(owner, number)| {
            let order = Arc::clone(&order);
            pool.of(Owner(owner)).run(waker(), move || order.lock().unwrap().push((owner, number)))
        })
        .collect();
    drop(open);
    first.wait().unwrap();
    jobs.into_iter().for_each(|job| job.wait().unwrap());
    assert_eq!(*order.lock().unwrap(), [(1, 0), (2, 0), (1, 1), (2, 1), (1, 2)]);
}
