//! The credit window of a download, by what comes through it.

use remofile_protocol::limits::{ITEMS_WINDOW_BYTES, credit_window_bytes};

/// The width of a download's window: full while content comes, and narrow while items come with little content, which take
/// several times their credit in memory when they have to wait for the disk.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// True if what came last was mostly content; `None` before anything came.
    is_rich: Option<bool>,
    told: Option<u64>,
}

impl Window {
    /// Notes what has come: items of so much credit, with so much content.
    pub(super) fn heard(&mut self, content: u64, credit: u64) {
        self.is_rich = Some(content >= credit / 2);
    }

    /// Returns the width that the window gets now over so many connections, in bytes, if it is another one.
    pub(super) fn take_width(&mut self, connections: usize) -> Option<u64> {
        let wanted =
            self.is_rich.map(|is_rich| if is_rich { credit_window_bytes(connections) } else { ITEMS_WINDOW_BYTES });
        if wanted == self.told {
            return None;
        }
        self.told = wanted;
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::limits::{CREDIT_WINDOW_BYTES, MOST_CREDIT_WINDOW_BYTES};

    #[test]
    fn the_window_is_wide_while_content_comes() {
        let mut window = Window::default();
        assert_eq!(window.take_width(1), None);
        for (content, width) in [(1_000, CREDIT_WINDOW_BYTES), (10, ITEMS_WINDOW_BYTES), (600, CREDIT_WINDOW_BYTES)] {
            window.heard(content, 1_000);
            assert_eq!(window.take_width(1), Some(width));
            window.heard(content, 1_000);
            assert_eq!(window.take_width(1), None);
        }
    }

    #[test]
    fn it_is_wider_over_several_connections() {
        let mut window = Window::default();
        window.heard(1_000, 1_000);
        for (connections, width) in
            [(2, CREDIT_WINDOW_BYTES * 5 / 4), (8, CREDIT_WINDOW_BYTES * 2), (16, MOST_CREDIT_WINDOW_BYTES)]
        {
            assert_eq!(window.take_width(connections), Some(width));
            assert_eq!(window.take_width(connections), None);
        }
    }
}
