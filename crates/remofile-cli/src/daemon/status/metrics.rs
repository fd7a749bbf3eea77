//! The numbers of a server, in the text format of Prometheus.
//!
//! Each name says what it counts and in which unit. Labels have few values: no path, no client and no address is one.

use super::health::coordinator_of;
use super::process::Process;
use prometheus::core::Collector;
use prometheus::{
    Counter, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};
use remofile::Server;
use remofile::server::{ServerEvent, ServerObserver, Standing};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Bounds of durations, in seconds: from what is in memory to what a transfer takes.
const SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0];

/// The numbers of a server.
pub(in crate::daemon) struct Metrics {
    registry: Registry,
    sessions: IntGauge,
    sessions_opened: IntCounter,
    sessions_closed: IntCounterVec,
    operations: IntCounterVec,
    operation_seconds: HistogramVec,
    received_bytes: IntCounter,
    sent_bytes: IntCounter,
    files_stored: IntCounter,
    stored_bytes: IntCounter,
    lease_wait_seconds: Histogram,
    refused: IntCounterVec,
    flush_seconds: Histogram,
    flush_failures: IntCounter,
    hooks: IntCounterVec,
    hooks_waiting: IntGauge,
    gauges: Gauges,
    process: Process,
    looking: Mutex<()>,
}

/// Numbers that are looked up when somebody asks.
struct Gauges {
    leases_held: IntGauge,
    leases_waiting: IntGauge,
    pool_threads: IntGauge,
    pool_busy: IntGauge,
    pool_waiting: IntGauge,
    open_files: IntGauge,
    memory_bytes: IntGauge,
    coordinator_lost: IntGauge,
    descriptors: IntGauge,
    most_descriptors: IntGauge,
    resident_bytes: IntGauge,
    cpu_seconds: Counter,
    began: Gauge,
}

/// The outcome of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum HookOutcome {
    Done,
    Failed,
    /// Never run: too many waited, or the server ended.
    Dropped,
}

/// Makes numbers and registers them. Names are ours, and each is registered once: none is refused.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn register<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> prometheus::Result<C> {
        let collector = made?;
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::new(name, help))
    }

    fn seconds(&self, name: &str, help: &str) -> prometheus::Result<Histogram> {
        self.register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec())))
    }
}

impl Metrics {
    /// Makes the numbers, before the process is confined.
    pub(in crate::daemon) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let make = Maker(&registry);
        let build =
            Opts::new("remofile_build_info", "Version of the server").const_label("version", env!("CARGO_PKG_VERSION"));
        make.register(IntGauge::with_opts(build))?.set(1);
        let of_operations = HistogramOpts::new(
            "remofile_operation_duration_seconds",
            "Time of an operation, from its request to its end",
        );
        Ok(Self {
            sessions: make.gauge("remofile_sessions", "Sessions there are")?,
            sessions_opened: make.counter("remofile_sessions_opened_total", "Sessions that have begun")?,
            sessions_closed: make.counters("remofile_sessions_closed_total", "Sessions that are over", &["outcome"])?,
            operations: make.counters(
                "remofile_operations_total",
                "Operations that are over",
                &["operation", "outcome"],
            )?,
            operation_seconds: make
                .register(HistogramVec::new(of_operations.buckets(SECONDS.to_vec()), &["operation"]))?,
            received_bytes: make.counter("remofile_received_bytes_total", "Bytes of content that have come")?,
            sent_bytes: make.counter("remofile_sent_bytes_total", "Bytes of content that have left")?,
            files_stored: make.counter("remofile_files_stored_total", "Files that clients have stored")?,
            stored_bytes: make.counter("remofile_stored_bytes_total", "Bytes of the files that clients have stored")?,
            lease_wait_seconds: make
                .seconds("remofile_lease_wait_seconds", "Time for which operations waited for others")?,
            refused: make.counters("remofile_refused_total", "Peers that were refused a session", &["reason"])?,
            flush_seconds: make
                .seconds("remofile_flush_duration_seconds", "Time to bring what an operation did to the disk")?,
            flush_failures: make.counter("remofile_flush_failures_total", "Flushes that the disk failed")?,
            hooks: make.counters(
                "remofile_hooks_total",
                "Stored files that a hook was run for, or not",
                &["hook", "outcome"],
            )?,
            hooks_waiting: make.gauge("remofile_hooks_waiting", "Stored files that hooks are still to be run for")?,
            gauges: Gauges::new(&make)?,
            process: Process::open(),
            looking: Mutex::new(()),
            registry,
        })
    }

    /// Returns all numbers as they are now.
    pub(in crate::daemon) fn text(&self, server: &Server) -> String {
        // A counter that is looked up is wrong for a moment, which nobody may see.
        let _one_at_a_time = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        self.gauges.set(server, &self.process);
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// A hook has one more stored file to be run for.
    pub(in crate::daemon) fn hook_waits(&self) {
        self.hooks_waiting.inc();
    }

    /// A hook was run for a stored file, or will not be. `waited` is true if it was told to wait.
    pub(in crate::daemon) fn hook_ended(&self, hook: &str, outcome: HookOutcome, waited: bool) {
        let outcome = match outcome {
            HookOutcome::Done => "ok",
            HookOutcome::Failed => "failed",
            HookOutcome::Dropped => "dropped",
        };
        self.hooks.with_label_values(&[hook, outcome]).inc();
        if waited {
            self.hooks_waiting.dec();
        }
    }
}

impl Gauges {
    fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            leases_held: make.gauge("remofile_leases_held", "Operations that have a lease")?,
            leases_waiting: make.gauge("remofile_leases_waiting", "Operations that wait for others")?,
            pool_threads: make.gauge("remofile_pool_threads", "Threads for what waits for a disk")?,
            pool_busy: make.gauge("remofile_pool_busy", "Threads for the disk that have a job")?,
            pool_waiting: make.gauge("remofile_pool_waiting", "Jobs that wait for a thread for the disk")?,
            open_files: make.gauge("remofile_open_files", "Files that stay open between the reads of clients")?,
            memory_bytes: make.gauge("remofile_session_memory_bytes", "Memory that sessions hold")?,
            coordinator_lost: make
                .gauge("remofile_coordinator_lost", "1 while the coordinator is lost, and clients change nothing")?,
            descriptors: make.gauge("process_open_fds", "Open file descriptors")?,
            most_descriptors: make.gauge("process_max_fds", "File descriptors that may be open")?,
            resident_bytes: make.gauge("process_resident_memory_bytes", "Resident memory")?,
            cpu_seconds: make.register(Counter::new("process_cpu_seconds_total", "CPU time, of user and system"))?,
            began: make.register(Gauge::new("process_start_time_seconds", "Time of the start, since 1970"))?,
        })
    }

    fn set(&self, server: &Server, process: &Process) {
        let set = |gauge: &IntGauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        let now = server.statistics().unwrap_or_default();
        set(&self.leases_held, now.leases_held);
        set(&self.leases_waiting, now.leases_waiting);
        set(&self.pool_threads, now.pool_threads);
        set(&self.pool_busy, now.pool_busy);
        set(&self.pool_waiting, now.pool_waiting);
        set(&self.open_files, now.open_files);
        set(&self.memory_bytes, now.memory_bytes);
        set(&self.coordinator_lost, u64::from(matches!(coordinator_of(server), Some(Standing::Lost(_)))));
        let usage = process.usage();
        usage.descriptors.inspect(|count| set(&self.descriptors, *count));
        usage.most_descriptors.inspect(|count| set(&self.most_descriptors, *count));
        usage.resident_bytes.inspect(|bytes| set(&self.resident_bytes, *bytes));
        usage.cpu_seconds.inspect(|seconds| {
            self.cpu_seconds.reset();
            self.cpu_seconds.inc_by(*seconds);
        });
        self.began.set(usage.began);
    }
}

impl ServerObserver for Metrics {
    fn observe(&self, event: &ServerEvent<'_>) {
        let seconds = |duration: &Duration| duration.as_secs_f64();
        match event {
            ServerEvent::SessionOpened => {
                self.sessions.inc();
                self.sessions_opened.inc();
            }
            ServerEvent::SessionClosed { outcome, duration: _ } => {
                self.sessions.dec();
                self.sessions_closed.with_label_values(&[*outcome]).inc();
            }
            ServerEvent::Received { bytes } => self.received_bytes.inc_by(*bytes),
            ServerEvent::Sent { bytes } => self.sent_bytes.inc_by(*bytes),
            ServerEvent::LeaseWaited { duration } => self.lease_wait_seconds.observe(seconds(duration)),
            ServerEvent::OperationEnded { what, outcome, duration, .. } => {
                self.operations.with_label_values(&[*what, *outcome]).inc();
                self.operation_seconds.with_label_values(&[*what]).observe(seconds(duration));
            }
            ServerEvent::Flushed { is_durable, duration } => {
                self.flush_seconds.observe(seconds(duration));
                if !is_durable {
                    self.flush_failures.inc();
                }
            }
            ServerEvent::Stored(file) => {
                self.files_stored.inc();
                self.stored_bytes.inc_by(file.bytes);
            }
            ServerEvent::Refused { reason, connections } => {
                self.refused.with_label_values(&[*reason]).inc_by(*connections);
            }
            _ => {}
        }
    }
}
