//! The tokens of all servers: a change at one of them is in force at the others within a moment.
//!
//! The text of a tokens file is one value of the coordinator, with the marks of those that were there before. A change is made
//! there as what it is: about these tokens and no other, so that nobody brings back what somebody else has removed. A server that
//! comes to others takes theirs if its own are some that they have had, and is refused with any other ones. The first one of
//! all brings its own.

use super::coordinator::{Change, Condition, Coordinator, CoordinatorError, SharedValue, Snapshot};
use super::registration::Unfit;
use crate::tokens::{LiveTokens, Subscription, Tokens, TokensChange, parse_tokens, update_tokens};
use minicbor::{Decode, Encode};
use remofile_protocol::digest::DigestKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// The key of their value.
const KEY: &str = "tokens";

/// Marks of former tokens that are kept.
const MOST_FORMER: usize = 256;

/// Names that are told of tokens that differ.
const MOST_NAMES: usize = 5;

/// The value: the text of a tokens file, and the marks of those before it, the last one at the end.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Record {
    #[n(0)]
    text: String,
    #[n(1)]
    former: Vec<u64>,
}

/// The tokens of a server among those of all.
pub(super) struct SharedTokens {
    live: LiveTokens,
    state: Mutex<State>,
    _subscription: Subscription,
}

#[derive(Default)]
struct State {
    /// The tokens of all servers, as they were seen last.
    seen: Option<Seen>,
    /// The value that came since, if one did.
    incoming: Option<SharedValue>,
    /// True if own tokens may have changed.
    is_changed: bool,
}

#[derive(Clone)]
struct Seen {
    tokens: Tokens,
    former: Vec<u64>,
    revision: u64,
}

impl SharedTokens {
    /// The tokens of a server; `changed` is called when they have changed.
    pub(super) fn new(live: &LiveTokens, changed: impl Fn() + Send + Sync + 'static) -> Self {
        Self { live: live.clone(), state: Mutex::default(), _subscription: live.subscribe(changed) }
    }

    /// Brings the own tokens, or takes those of other servers.
    pub(super) fn join(&self, coordinator: &dyn Coordinator, snapshot: &Snapshot, is_first: bool) -> Result<(), Unfit> {
        let value = snapshot.values.iter().find(|value| value.key == KEY);
        let there = value.map(Seen::read).transpose()?;
        let mut state = self.lock();
        if let Some(value) = value.filter(|_| state.seen.is_some()) {
            // What was changed meanwhile is made here and there. The revisions of a coordinator may have begun anew.
            if let Some(seen) = &mut state.seen {
                seen.revision = 0;
            }
            state.incoming = Some(value.clone());
            state.is_changed = true;
            return Ok(());
        }
        let own = self.live.snapshot();
        let there = match there {
            Some(there) if !is_first => {
                if !there.has_had(&own) {
                    return Err(Unfit::Settings(differing(&there.tokens, &own)));
                }
                state.seen = Some(there.clone());
                drop(state);
                if *own != there.tokens {
                    tracing::info!("the tokens are those of the other servers, which have changed them");
                    self.live.replace(there.tokens);
                }
                return Ok(());
            }
            there => there.unwrap_or_else(Seen::nothing),
        };
        let written = there.write(coordinator, &own).map_err(Unfit::Coordinator)?;
        // Somebody else was faster: it is tried again.
        let again =
            || Unfit::Coordinator(CoordinatorError::Unreachable("the tokens were changed meanwhile".to_owned()));
        state.seen = Some(written.ok_or_else(again)?);
        Ok(())
    }

    /// Notes that own tokens have changed.
    pub(super) fn note_change(&self) {
        self.lock().is_changed = true;
    }

    /// Takes note of a value that was seen; whether it is that of the tokens.
    pub(super) fn note(&self, value: &SharedValue) -> bool {
        if value.key != KEY {
            return false;
        }
        let mut state = self.lock();
        state.incoming = Some(value.clone());
        state.is_changed = true;
        true
    }

    /// Reports whether there is something to bring or to take.
    pub(super) fn is_changed(&self) -> bool {
        self.lock().is_changed
    }

    /// Takes what others have changed, and brings what was changed here.
    ///
    /// # Errors
    /// Those of the coordinator: it is to be tried again.
    pub(super) fn sync(&self, coordinator: &dyn Coordinator) -> Result<(), CoordinatorError> {
        loop {
            let (seen, incoming) = {
                let mut state = self.lock();
                state.is_changed = false;
                (state.seen.clone(), state.incoming.take())
            };
            let Some(mut seen) = seen else { return Ok(()) };
            if let Some(incoming) = incoming.filter(|value| value.modified > seen.revision) {
                seen = self.take(&seen, &incoming);
            }
            let own = self.live.snapshot();
            if TokensChange::between(&seen.tokens, &own).is_empty() {
                return Ok(());
            }
            match seen.write(coordinator, &own) {
                Ok(Some(written)) => self.lock().seen = Some(written),
                Ok(None) => {
                    self.lock().incoming = coordinator.read(KEY)?.values.into_iter().find(|value| value.key == KEY);
                }
                Err(error) => {
                    // What is refused is not tried again before something else is changed.
                    self.lock().is_changed = !matches!(error, CoordinatorError::Denied(_));
                    return Err(error);
                }
            }
        }
    }

    /// Makes what others have changed here as well.
    fn take(&self, seen: &Seen, incoming: &SharedValue) -> Seen {
        let Ok(theirs) = Seen::read(incoming) else {
            tracing::error!("the tokens of other servers make no sense, and are not taken");
            return Seen { revision: incoming.modified, ..seen.clone() };
        };
        // Before own tokens change, so that this is no change to be brought.
        self.lock().seen = Some(theirs.clone());
        let is_new = !TokensChange::between(&self.live.snapshot(), &theirs.tokens).is_empty();
        if is_new {
            self.live.change(|tokens| {
                let own = TokensChange::between(&seen.tokens, tokens);
                *tokens = theirs.tokens.clone();
                own.apply(tokens);
            });
            tracing::info!("another server has changed the tokens: there are {} now", self.live.snapshot().len());
        }
        theirs
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn nothing() -> Self {
        Self { tokens: Tokens::new(), former: Vec::new(), revision: 0 }
    }

    fn read(value: &SharedValue) -> Result<Self, Unfit> {
        let record: Option<Record> = minicbor::decode(&value.value).ok();
        let nonsense = || Unfit::Settings("the tokens that the coordinator has make no sense".to_owned());
        let Record { text, former } = record.ok_or_else(nonsense)?;
        let text = Zeroizing::new(text);
        let tokens = parse_tokens(&text).map_err(|_| nonsense())?;
        Ok(Self { tokens, former, revision: value.modified })
    }

    /// Reports whether these are the tokens, or were before.
    fn has_had(&self, tokens: &Tokens) -> bool {
        TokensChange::between(&self.tokens, tokens).is_empty()
            || mark(tokens).is_some_and(|mark| self.former.contains(&mark))
    }

    /// Writes other tokens in place of these; `None` if these are there no more.
    fn write(&self, coordinator: &dyn Coordinator, tokens: &Arc<Tokens>) -> Result<Option<Self>, CoordinatorError> {
        let text = text(tokens).ok_or_else(|| CoordinatorError::Denied("the tokens cannot be written".to_owned()))?;
        let mut former = self.former.clone();
        former.extend(mark(&self.tokens));
        let former = former.split_off(former.len().saturating_sub(MOST_FORMER));
        // With room for all of it: what a vector leaves as it grows is not wiped.
        let mut value = Zeroizing::new(Vec::with_capacity(text.len() + 9 * former.len() + 32));
        let record = Record { text: text.to_string(), former: former.clone() };
        // A vector takes whatever is written.
        let _written = minicbor::encode(&record, &mut *value);
        drop(Zeroizing::new(record.text));
        let condition = Condition { key: KEY.to_owned(), revision: self.revision };
        let put = Change::Put { key: KEY.to_owned(), value, term: None };
        let revision = coordinator.write(&[condition], &[put])?;
        Ok(revision.map(|revision| Self { tokens: Tokens::clone(tokens), former, revision }))
    }
}

/// Tells which tokens differ.
fn differing(theirs: &Tokens, own: &Tokens) -> String {
    let change = TokensChange::between(theirs, own);
    let names: Vec<String> = change.names().take(MOST_NAMES).map(ToString::to_string).collect();
    let more = if change.names().count() > MOST_NAMES { " and others" } else { "" };
    format!(
        "the tokens file differs from that of the other servers ({}{more}): copy the file from one of them",
        names.join(", ")
    )
}

/// Returns the text of tokens, which is the same for the same tokens in any order.
fn text(tokens: &Tokens) -> Option<Zeroizing<String>> {
    let mut entries: Vec<_> = tokens.iter().collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut sorted = Tokens::new();
    entries.into_iter().try_for_each(|entry| sorted.add(entry.clone())).ok()?;
    update_tokens("", &sorted).ok()
}

/// Returns the mark of tokens, by which they are known again.
fn mark(tokens: &Tokens) -> Option<u64> {
    let digest = DigestKind::Sha256.digest(text(tokens)?.as_bytes());
    digest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
