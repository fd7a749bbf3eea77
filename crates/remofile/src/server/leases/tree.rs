//! The tree of places that somebody claims, or passes on the way to a claim.
//!
//! Invariant: a place is in the tree as long as somebody has a post there. Whoever claims something below it has, so all
//! that meets a claim is found at the places on the way to its path and at that itself.

use super::claim::{Claim, ClientKey, StorePath};
use super::crowd::{Crowd, Ticket};
use super::mode::Mode;
use std::collections::HashMap;

/// The place of a node among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(usize);

const ROOT: NodeId = NodeId(0);

/// The presence of a claim at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Post {
    pub(super) node: NodeId,
    pub(super) mode: Mode,
}

/// The standing of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Of a lease.
    Held,
    /// Of who waits, be it for this place or another: it keeps its turn everywhere.
    Queued,
    /// Of who waits for this place, and is [`Standing::Queued`] as well.
    Blocked,
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
}

#[derive(Debug)]
struct Node {
    parent: NodeId,
    name: Box<str>,
    children: HashMap<Box<str>, NodeId>,
    /// Mostly one or two of the possible ones.
    crowds: Vec<(Standing, Mode, Crowd)>,
}

impl Node {
    fn new(parent: NodeId, name: Box<str>) -> Self {
        Self { parent, name, children: HashMap::new(), crowds: Vec::new() }
    }

    fn crowd(&self, standing: Standing, mode: Mode) -> Option<&Crowd> {
        let found = self.crowds.iter().find(|(of, at, _)| (*of, *at) == (standing, mode));
        found.map(|(_, _, crowd)| crowd)
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![Node::new(ROOT, "".into())], free: Vec::new() }
    }
}

impl Tree {
    /// Returns the posts of claims, for whom the places are made that are not there yet. They are gone again after
    /// [`Tree::prune`].
    pub(super) fn posts(&mut self, claims: &[Claim]) -> Vec<Post> {
        let mut posts = Vec::with_capacity(claims.len() + 2);
        for claim in claims {
            let (mut node, passing) = (ROOT, Mode::on_the_way(claim));
            for name in claim.place.names() {
                posts.push(Post { node, mode: passing });
                node = self.child(node, name);
            }
            posts.push(Post { node, mode: Mode::at_end(claim) });
        }
        posts.sort_unstable();
        posts.dedup();
        posts
    }

    fn child(&mut self, parent: NodeId, name: &str) -> NodeId {
        if let Some(child) = self.nodes[parent.0].children.get(name) {
            return *child;
        }
        let node = Node::new(parent, name.into());
        let child = match self.free.pop() {
            Some(free) => {
                self.nodes[free.0] = node;
                free
            }
            None => {
                self.nodes.push(node);
                NodeId(self.nodes.len() - 1)
            }
        };
        self.nodes[parent.0].children.insert(name.into(), child);
        child
    }

    /// Takes places out of the tree where nobody has a post any more.
    pub(super) fn prune(&mut self, posts: &[Post]) {
        for post in posts {
            let mut id = post.node;
            while id != ROOT && self.nodes[id.0].crowds.is_empty() && self.nodes[id.0].children.is_empty() {
                let parent = self.nodes[id.0].parent;
                let name = std::mem::take(&mut self.nodes[id.0].name);
                // A place that was taken out already has no name in its former directory.
                if self.nodes[parent.0].children.remove(&name).is_none() {
                    break;
                }
                self.free.push(id);
                id = parent;
            }
        }
    }

    pub(super) fn insert(&mut self, post: Post, standing: Standing, client: ClientKey, ticket: Ticket) {
        let crowds = &mut self.nodes[post.node.0].crowds;
        match crowds.iter_mut().find(|(of, at, _)| (*of, *at) == (standing, post.mode)) {
            Some((_, _, crowd)) => crowd.insert(client, ticket),
            None => {
                let mut crowd = Crowd::default();
                crowd.insert(client, ticket);
                crowds.push((standing, post.mode, crowd));
            }
        }
    }

    pub(super) fn remove(&mut self, post: Post, standing: Standing, client: ClientKey, ticket: Ticket) {
        let crowds = &mut self.nodes[post.node.0].crowds;
        let Some(index) = crowds.iter().position(|(of, at, _)| (*of, *at) == (standing, post.mode)) else { return };
        let (_, _, crowd) = &mut crowds[index];
        crowd.remove(client, ticket);
        if crowd.is_empty() {
            crowds.swap_remove(index);
        }
    }

    /// Returns a client that a post has to wait for: it has a lease that is in the way, or came before and waits.
    pub(super) fn blocker(&self, post: Post, client: ClientKey, ticket: Ticket) -> Option<ClientKey> {
        let first = |standing| self.in_the_way(post, standing, client).min();
        let held = first(Standing::Held);
        held.or_else(|| first(Standing::Queued).filter(|(earlier, _)| *earlier < ticket)).map(|(_, client)| client)
    }

    /// Reports whether a client has any lease: each passes the root.
    pub(super) fn has_lease(&self, client: ClientKey) -> bool {
        let is_of = |(standing, _, crowd): &(Standing, Mode, Crowd)| {
            *standing == Standing::Held && crowd.first_of(client).is_some()
        };
        self.nodes[ROOT.0].crowds.iter().any(is_of)
    }

    /// Reports whether a ticket has this at a post.
    pub(super) fn is_at(&self, post: Post, standing: Standing, client: ClientKey, ticket: Ticket) -> bool {
        self.nodes[post.node.0].crowd(standing, post.mode).is_some_and(|crowd| crowd.has(client, ticket))
    }

    /// Gives what a ticket has at a post to another client.
    pub(super) fn give(&mut self, post: Post, from: ClientKey, to: ClientKey, ticket: Ticket) {
        for standing in [Standing::Held, Standing::Queued, Standing::Blocked] {
            if self.is_at(post, standing, from, ticket) {
                self.remove(post, standing, from, ticket);
                self.insert(post, standing, to, ticket);
            }
        }
    }

    /// Returns all tickets in the way of a post that are of other clients.
    pub(super) fn others(&self, post: Post, standing: Standing, client: ClientKey) -> impl Iterator<Item = Ticket> {
        let crowds = self.in_conflict(post, standing).flat_map(move |crowd| crowd.all_others(client));
        crowds.map(|(ticket, _)| ticket)
    }

    /// Returns the tickets of a client in the way of a post.
    pub(super) fn of_client(&self, post: Post, standing: Standing, client: ClientKey) -> impl Iterator<Item = Ticket> {
        self.in_conflict(post, standing).flat_map(move |crowd| crowd.of(client))
    }

    /// Returns those in the queue whom a lease with this post is in the way of, and who do not wait for the place yet.
    pub(super) fn queued_freely(&self, post: Post, client: ClientKey) -> Vec<(Ticket, Mode)> {
        let node = &self.nodes[post.node.0];
        let free = |mode: &Mode| {
            let (mode, blocked) = (*mode, node.crowd(Standing::Blocked, *mode));
            let queued = node.crowd(Standing::Queued, mode).into_iter().flat_map(|crowd| crowd.all_others(client));
            let is_free =
                move |(ticket, of): &(Ticket, ClientKey)| !blocked.is_some_and(|crowd| crowd.has(*of, *ticket));
            queued.filter(is_free).map(move |(ticket, _)| (ticket, mode))
        };
        post.mode.conflicts().iter().flat_map(free).collect()
    }

    fn in_conflict(&self, post: Post, standing: Standing) -> impl Iterator<Item = &Crowd> {
        let node = &self.nodes[post.node.0];
        post.mode.conflicts().iter().filter_map(move |mode| node.crowd(standing, *mode))
    }

    /// Returns the first of each mode that is in the way of a post, and of another client.
    fn in_the_way(
        &self,
        post: Post,
        standing: Standing,
        client: ClientKey,
    ) -> impl Iterator<Item = (Ticket, ClientKey)> {
        self.in_conflict(post, standing).filter_map(move |crowd| crowd.others(client).next())
    }

    /// Returns the first ticket of each client in the way of a post with its mode there, mode by mode, `most` of each.
    pub(super) fn all_in_the_way(
        &self,
        post: Post,
        standing: Standing,
        client: ClientKey,
        most: usize,
    ) -> impl Iterator<Item = (Ticket, Mode)> {
        let node = &self.nodes[post.node.0];
        post.mode.conflicts().iter().flat_map(move |mode| {
            let others = node.crowd(standing, *mode).map(|crowd| crowd.others(client)).into_iter().flatten();
            others.take(most).map(|(ticket, _)| (ticket, *mode))
        })
    }

    /// Lets those go on who waited for a place and need not any more, and returns their tickets, one for each post.
    pub(super) fn unblock(&mut self, node: NodeId, unblocked: &mut Vec<Ticket>) {
        let is_blocked = |(standing, ..): &(Standing, Mode, Crowd)| *standing == Standing::Blocked;
        let modes: Vec<Mode> =
            self.nodes[node.0].crowds.iter().filter(|crowd| is_blocked(crowd)).map(|crowd| crowd.1).collect();
        for mode in modes {
            let post = Post { node, mode };
            while let Some((ticket, client)) = self.first_blocked(post) {
                let blocker = self.blocker(post, client, ticket);
                let Some(blocker) = blocker else {
                    self.remove(post, Standing::Blocked, client, ticket);
                    unblocked.push(ticket);
                    continue;
                };
                // Whoever came later waits for that client as well, but for the client itself.
                self.unblock_own(post, blocker, unblocked);
                break;
            }
        }
    }

    fn unblock_own(&mut self, post: Post, client: ClientKey, unblocked: &mut Vec<Ticket>) {
        let first = |tree: &Self| tree.nodes[post.node.0].crowd(Standing::Blocked, post.mode)?.first_of(client);
        while let Some(ticket) = first(self) {
            if self.blocker(post, client, ticket).is_some() {
                return;
            }
            self.remove(post, Standing::Blocked, client, ticket);
            unblocked.push(ticket);
        }
    }

    fn first_blocked(&self, post: Post) -> Option<(Ticket, ClientKey)> {
        self.nodes[post.node.0].crowd(Standing::Blocked, post.mode)?.first()
    }

    /// Returns the place of a node.
    pub(super) fn place(&self, node: NodeId) -> StorePath {
        let up = |id: &NodeId| (*id != ROOT).then(|| self.nodes[id.0].parent);
        let way: Vec<NodeId> = std::iter::successors(Some(node), up).filter(|id| *id != ROOT).collect();
        StorePath::of_names(way.iter().rev().map(|id| &*self.nodes[id.0].name))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.nodes[ROOT.0].children.is_empty() && self.nodes[ROOT.0].crowds.is_empty()
    }
}
