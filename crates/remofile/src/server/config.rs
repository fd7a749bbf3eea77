//! The configuration of a running server, and what becomes of it before the server answers.

use super::coordination::Coordination;
use super::lifetime::Control;
use super::options::ServerOptions;
use super::roster::{RosterMaker, Rosters};
use super::session::SharedState;
use super::stretching::Stretching;
use super::token_source::{Roll, TokenSource, TokenWatch};
use super::zeromq::ServerContext;
use crate::carrier::Waker;
use crate::error::Result;
use crate::store::{Metered, Meters, Store};
use remofile_protocol::handshake::Place;
use std::sync::Arc;

/// The configuration of a running server.
pub(super) struct ServerConfig {
    pub(super) tokens: TokenSource,
    pub(super) store: Arc<dyn Store>,
    pub(super) options: ServerOptions,
    /// Found out early: a server that is confined later may not look any more.
    pub(super) places: Vec<Place>,
}

/// A server that is about to answer.
pub(super) struct Prepared {
    pub(super) context: ServerContext,
    /// The store with whatever counts its changes.
    pub(super) store: Arc<dyn Store>,
    /// Has changes of the tokens taken, for as long as it is kept.
    pub(super) watch: Option<TokenWatch>,
    pub(super) control: Control,
}

impl ServerConfig {
    /// Makes what the server needs to answer; `waker` is called when its tokens have changed.
    pub(super) fn prepare(self, waker: &Waker, coordination: Option<&Arc<Coordination>>) -> Result<Prepared> {
        let Self { tokens, store, options, places } = self;
        // A quota may come at any time. Until then nothing is counted.
        let meters = tokens.may_change().then(|| match coordination {
            Some(coordination) => coordination.meters(Arc::clone(&store)),
            None => Meters::new(Arc::clone(&store)),
        });
        let counted = meters.clone().map(|meters| Arc::new(Metered::new(meters, None)) as Arc<dyn Store>);
        let mut maker = RosterMaker::new(Arc::clone(&store), meters, options.clone(), places);
        let rosters = Arc::new(Rosters::new(tokens.first_roster(&mut maker)));
        let roll = Arc::new(Roll::new(tokens, maker, &rosters, waker));
        let watch = TokenWatch::begin(&roll)?;
        let (shared, stretching) = (Arc::new(SharedState::coordinated(options, coordination)), Stretching::default());
        let control = Control { shared: Arc::downgrade(&shared), roll };
        let context = ServerContext { shared, rosters, stretching };
        Ok(Prepared { context, store: counted.unwrap_or(store), watch, control })
    }
}
