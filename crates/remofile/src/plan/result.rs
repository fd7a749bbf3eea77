//! A finished plan.

use super::step::Action;
use super::steps::Steps;
use remofile_protocol::wire::Failure;

/// The steps that make a destination like its source. They are in an order in which they can be done one by one and
/// broken off anywhere: a new plan then leads to the same end.
///
/// 1. Directories are made, parents first; a file, link or special file that is in the way of one is cleared
///    directly before. Permission bits that keep the owner from changing a directory are lifted.
/// 2. Files are renamed.
/// 3. Everything is sent, linked, touched or skipped, in path order.
/// 4. Directories make way for files and links: what is in each is deleted, then it is cleared, then what it
///    was in the way of is sent or linked. (Or this is skipped.) Those in which nothing is deleted come first.
///    From the first deletion on nothing is done if anything failed before.
/// 5. What is extraneous is deleted, contents before their directories.
/// 6. Permission bits of directories are set, contents before their directories.
///
/// The steps 1, 2 and 3 depend on the steps for the directories they are in. Steps within 3 do not depend on
/// each other (but for a clear, which comes directly before what it makes way for), and may be done at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps in their order.
    pub steps: Steps,
    /// Files and links that are the same already, and are left as they are.
    pub unchanged: Tally,
    /// Reason why deletions that were asked for are not part of the plan.
    pub withheld: Option<Withheld>,
    /// Failures of what could not be listed.
    pub failures: Vec<Failure>,
}

impl Plan {
    /// Counts the steps.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for step in &self.steps {
            counts.add(&step.action);
        }
        counts
    }
}

/// Numbers of files and of their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files and links.
    pub files: u64,
    /// Bytes in files.
    pub bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: u64) {
        self.files += 1;
        // A listing may claim any sizes.
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The reason why nothing is deleted though it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Not everything could be listed, so that nobody knows what is extraneous.
    Unreadable {
        /// Number of files and directories that would be deleted.
        planned: u64,
    },
    /// More would be deleted than may be.
    TooMany {
        /// Number of files and directories that would be deleted.
        planned: u64,
        /// Number that may be deleted.
        most: u64,
    },
}

/// The numbers of steps of each sort in a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Directories that are made.
    pub directories: u64,
    /// Files that are sent to where nothing was, and their bytes.
    pub created: Tally,
    /// Files that are sent to where a file or link was, and their bytes (of the whole files, also if they
    /// may travel as what changed).
    pub updated: Tally,
    /// Links, second names and special files that are made.
    pub links: u64,
    /// Files that are renamed, and their bytes.
    pub renamed: Tally,
    /// Files and directories that get another time, other permission bits or, where that is told, other attributes.
    pub touched: u64,
    /// Files, links and directories that make way for something of another kind.
    pub cleared: u64,
    /// Files, links and directories that are deleted.
    pub deleted: u64,
    /// Files, links and directories that are left though they differ.
    pub skipped: u64,
}

impl Counts {
    fn add(&mut self, action: &Action) {
        match action {
            Action::MakeDirectory { .. } => self.directories += 1,
            Action::Create { size } => self.created.add(*size),
            Action::Update { size, .. } => self.updated.add(*size),
            Action::Link { .. } | Action::HardLink { .. } | Action::Special { .. } => self.links += 1,
            Action::Rename(rename) => self.renamed.add(rename.size),
            Action::Touch(_) | Action::Attributes(_) => self.touched += 1,
            Action::Clear { .. } => self.cleared += 1,
            Action::Delete { .. } => self.deleted += 1,
            Action::Skip { .. } => self.skipped += 1,
        }
    }
}
