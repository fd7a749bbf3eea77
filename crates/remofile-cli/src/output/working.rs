//! A command that has nothing to show until the server has done its work.

use super::animation::Animation;
use super::screen;
use super::text::{duration, harmless};
use super::width::cut;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The time after which a user wants to know that something happens.
pub(crate) const AFTER: Duration = Duration::from_secs(2);

/// Tells on a terminal what is done, how far it is and for how long, until it is dropped.
pub(crate) struct Working {
    so_far: SoFar,
    animation: Option<Animation>,
}

/// The progress that is told, by whoever knows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SoFar(Arc<Mutex<String>>);

impl SoFar {
    pub(crate) fn tell(&self, how_far: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = how_far;
    }

    fn told(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Working {
    /// `what` is done from now on: "removing /photos".
    pub(crate) fn begin(json: bool, what: &str) -> Self {
        let (what, so_far) = (harmless(what).into_owned(), SoFar::default());
        let told = so_far.clone();
        let show = move |elapsed, size: screen::Size| vec![line(&what, &told.told(), elapsed, size.columns)];
        let is_shown = !json && screen::can_draw();
        let animation = is_shown.then(|| Animation::on_terminal(AFTER, show)).and_then(Result::ok);
        Self { so_far, animation }
    }

    /// Reports whether anybody sees it.
    pub(crate) fn is_shown(&self) -> bool {
        self.animation.is_some()
    }

    /// The progress that is told.
    pub(crate) fn so_far(&self) -> SoFar {
        self.so_far.clone()
    }
}

/// The line for so many columns, of which the last stays free. What is done is cut first.
fn line(what: &str, so_far: &str, elapsed: Duration, columns: usize) -> String {
    let columns = columns.saturating_sub(1);
    let so_far = if so_far.is_empty() { String::new() } else { format!(", {so_far}") };
    let end = format!("{so_far}, {}", duration(elapsed));
    let what = cut(what, columns.saturating_sub(end.len()).max(1)).into_owned();
    cut(&format!("{what}{end}"), columns).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_has_room_before_what_is_done() {
        let elapsed = Duration::from_secs(65);
        let told = |columns| line("removing /photos/2026", "8,204 files left", elapsed, columns);
        assert_eq!(told(80), "removing /photos/2026, 8,204 files left, 1 min 5 s");
        let width = |columns| told(columns).chars().count();
        assert!(told(40).ends_with(", 8,204 files left, 1 min 5 s") && width(40) < 40, "{}", told(40));
        assert!(width(20) < 20, "{}", told(20));
        assert_eq!(line("sending /a", "", elapsed, 80), "sending /a, 1 min 5 s");
    }
}
