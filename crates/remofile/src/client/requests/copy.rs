//! The copy request.

use crate::client::Client;
use crate::client::abilities::require;
use crate::client::reports::TransferReport;
use crate::client::servers::repeated::Repeated;
use crate::client::session::handler::Handler;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::error::{Error, Result};
use crate::monitor::Event;
use crate::transfer::Stored;
use remofile_protocol::handshake::Capability;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Done, ErrorCode, Failure, Holder, OnConflict, Request};

/// The options of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopyOptions {
    /// True if a directory is copied with what is in it.
    pub recursive: bool,
    /// The rule for files in the way. With [`OnConflict::Abort`] a directory in the way is refused, too.
    pub on_conflict: OnConflict,
    /// True if missing parents of the destination are made.
    pub parents: bool,
    /// The attributes of its source that the copy has beside those that every copy has. What a server only holds for a file, as
    /// owners and set-user-ID bits that were uploaded, it holds for every copy.
    pub attributes: AttributeSet,
    /// True if links are copied whatever they lead to, and the names of one file are names of one copy.
    pub as_they_are: bool,
    /// True if special files are copied.
    pub devices: bool,
}

impl CopyOptions {
    /// Reports whether only a server whose copies are whole can do what is asked for.
    #[must_use]
    pub fn needs_whole_copies(&self) -> bool {
        self.attributes.is_any() || self.as_they_are || self.devices
    }
}

impl Client {
    /// Copies a file or a directory to another path of the server, which does it without sending anything: the copy shares
    /// its content with the source where the disk can. Permission bits and times are kept, links in a directory are copied
    /// as links. What could not be copied is in the report.
    ///
    /// A call that is broken off leaves what was copied, and no file in part.
    ///
    /// # Errors
    /// `already-exists`, `not-found`, `into-itself`, `not-a-file` for a directory without `recursive`, ...;
    /// `unsupported` of a server that cannot copy, or cannot keep what is asked for.
    pub fn copy(
        &mut self,
        source: &RemotePath,
        destination: &RemotePath,
        options: CopyOptions,
    ) -> Result<TransferReport> {
        let CopyOptions { recursive, on_conflict, parents, attributes, as_they_are, devices } = options;
        let hello = self.server()?;
        require(hello.capabilities, true, Capability::Copies)?;
        if options.needs_whole_copies() && !hello.whole_copies {
            let why = "the server's copies keep times and permission bits only: copy without the rest, or run a newer version \
                       there";
            return Err(Error::Remote(Failure::new(ErrorCode::Unsupported).because(why)));
        }
        let (source, destination) = (source.clone(), destination.clone());
        let request =
            Request::Copy { source, destination, recursive, on_conflict, parents, attributes, as_they_are, devices };
        let mut on_waiting = self.options.on_waiting.clone();
        let mut handler = CopyHandler(ProgressRecorder::forgetful(&mut on_waiting, true));
        let (context, before) = (self.context(), self.traffic);
        let copied = self.again(Repeated::of(&request), &context, |client, context| {
            client.call_in(context, request.clone(), &mut handler)
        });
        if self.idle.is_shared() {
            self.lend();
        }
        let Done { files, directories, bytes, .. } = copied?;
        Ok(handler.0.finish(
            Stored { files, directories, made: directories, bytes, ..Stored::default() },
            self.traffic - before,
        ))
    }
}

struct CopyHandler<'a>(ProgressRecorder<'a>);

impl Handler for CopyHandler<'_> {
    fn item_failed(&mut self, failure: Failure) -> Result<()> {
        self.0.failed(failure);
        Ok(())
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.0.monitor.report(Event::Waiting { holders });
    }
}
