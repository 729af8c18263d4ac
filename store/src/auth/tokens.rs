//! Simple tokens: random words that mean a user, known to every member that applied their making.
//!
//! A member's tokens are its own: not part of the replicated state, in no snapshot, and each member
//! lets them expire by its own clock, as in etcd. What makes a token valid everywhere is that every
//! member applies [`Change::Authenticate`] and makes the same token of it: the proposer's random
//! word and the entry's index. A member that lags behind that index waits for it before it calls a
//! token invalid. After a restart a client finds its token unknown and proves itself again.
//!
//! Nothing runs periodically: what expired is dropped when tokens are made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::Rng;
use tokio::sync::Notify;

use super::change::Change;
use crate::clock::{Clock, Instant};
use crate::command::Command;
use crate::reply::Reply;

/// Letters of a token's random part, as many as etcd's have.
const PREFIX_LETTERS: usize = 16;

/// Tokens made before expired ones are looked for.
const LEAST_SWEEP: usize = 64;

/// A token's random part.
pub fn new_token_prefix() -> String {
    let letters = rand::rng().sample_iter(rand::distr::Alphabetic);
    letters.take(PREFIX_LETTERS).map(char::from).collect()
}

/// The index at which a simple token was made; `None` if the text is no such token.
pub fn token_index(token: &str) -> Option<u64> {
    let (prefix, index) = token.split_once('.')?;
    (!prefix.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| index.parse().ok())
        .flatten()
}

/// What an applied change does to the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Assign { user: String, token: String },
    Forget { user: String },
    Clear,
}

impl Effect {
    /// The effect of `command`, applied at `index`.
    pub fn of(command: &Command, index: u64) -> Option<Self> {
        match command {
            Command::Auth(change) => Self::of_change(change, index),
            _ => None,
        }
    }

    fn of_change(change: &Change, index: u64) -> Option<Self> {
        match change {
            Change::Authenticate { name, token_prefix } => {
                let token = format!("{token_prefix}.{index}");
                Some(Self::Assign { user: name.clone(), token })
            }
            Change::UserDelete { name } | Change::UserChangePassword { name, .. } => {
                Some(Self::Forget { user: name.clone() })
            }
            Change::Disable => Some(Self::Clear),
            Change::Enable
            | Change::UserAdd { .. }
            | Change::UserGrantRole { .. }
            | Change::UserRevokeRole { .. }
            | Change::RoleAdd { .. }
            | Change::RoleDelete { .. }
            | Change::RoleGrantPermission { .. }
            | Change::RoleRevokePermission { .. } => None,
        }
    }
}

#[derive(Debug)]
struct Known {
    user: Arc<str>,
    expires: Instant,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<String, Known>,
    /// How many tokens there may be before expired ones are dropped.
    sweep_at: usize,
}

/// The simple tokens that this member knows.
#[derive(Debug)]
pub struct Tokens {
    clock: Arc<dyn Clock>,
    ttl: Duration,
    table: Mutex<Table>,
    changed: Notify,
}

impl Tokens {
    /// Tokens that expire `ttl` after their last use.
    pub fn new(clock: Arc<dyn Clock>, ttl: Duration) -> Self {
        Self { clock, ttl, table: Mutex::default(), changed: Notify::new() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no code panics while it holds the tokens")
    }

    /// Called as entries are applied, in their order. Puts a token that was made into `reply`.
    pub fn apply(&self, effect: Effect, reply: Reply) -> Reply {
        match effect {
            Effect::Assign { user, token } => {
                self.assign(&user, token.clone());
                match reply {
                    Reply::Header(header) => Reply::Token { header, token },
                    other => other,
                }
            }
            Effect::Forget { user } => {
                self.table().known.retain(|_, known| *known.user != *user);
                reply
            }
            Effect::Clear => {
                *self.table() = Table::default();
                reply
            }
        }
    }

    fn assign(&self, user: &str, token: String) {
        let now = self.clock.now();
        let known = Known { user: user.into(), expires: now.saturating_add(self.ttl) };
        let mut table = self.table();
        table.sweep(now);
        table.known.insert(token, known);
        drop(table);
        self.changed.notify_waiters();
    }

    /// The user that `token` means. Each use makes it last longer.
    pub fn user(&self, token: &str) -> Option<Arc<str>> {
        let now = self.clock.now();
        let mut table = self.table();
        let known = table.known.get_mut(token)?;
        if known.expires <= now {
            table.known.remove(token);
            return None;
        }
        known.expires = now.saturating_add(self.ttl);
        Some(Arc::clone(&known.user))
    }

    /// Waits until `token` is known or `settled` says that it will not be, for `patience` at most.
    pub async fn wait_for(
        &self,
        token: &str,
        settled: impl Fn() -> bool,
        patience: Duration,
    ) -> Option<Arc<str>> {
        let waiting = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                // In this order: what settles it comes after the token was made known.
                let settled = settled();
                if let Some(user) = self.user(token) {
                    return Some(user);
                }
                if settled {
                    return None;
                }
                changed.await;
            }
        };
        tokio::time::timeout(patience, waiting).await.ok().flatten()
    }
}

impl Table {
    /// Drops what expired, now and then: in proportion to what is made.
    fn sweep(&mut self, now: Instant) {
        if self.known.len() < self.sweep_at.max(LEAST_SWEEP) {
            return;
        }
        self.known.retain(|_, known| known.expires > now);
        self.sweep_at = self.known.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TokioClock;
    use crate::types::Header;

    const TTL: Duration = Duration::from_secs(300);

    fn tokens() -> Tokens {
        Tokens::new(TokioClock::shared(), TTL)
    }

    fn assign(tokens: &Tokens, user: &str, token: &str) {
        tokens.assign(user, token.to_owned());
    }

    fn apply(tokens: &Tokens, change: Change, index: u64) -> Reply {
        let command = Command::Auth(Box::new(change));
        let effect = Effect::of(&command, index).expect("the change matters to tokens");
        tokens.apply(effect, Reply::Header(Header::default()))
    }

    #[test]
    fn a_token_tells_where_it_was_made() {
        let cases = [
            ("abc.17", Some(17)),
            ("abc", None),
            ("abc.", None),
            (".17", None),
            ("abc.x", None),
            ("a.b.17", None),
            ("abc.-1", None),
            ("abc.+1", None),
            ("abc.99999999999999999999", None),
        ];
        for (token, index) in cases {
            assert_eq!(token_index(token), index, "{token}");
        }
        assert_eq!(new_token_prefix().len(), PREFIX_LETTERS);
        assert_ne!(new_token_prefix(), new_token_prefix());
    }

    #[tokio::test(start_paused = true)]
    async fn use_keeps_a_token_alive() {
        let tokens = tokens();
        assign(&tokens, "ann", "x.1");
        assign(&tokens, "bob", "y.2");
        for _ in 0..3 {
            tokio::time::advance(TTL * 2 / 3).await;
            assert_eq!(tokens.user("x.1").as_deref(), Some("ann"));
        }
        assert_eq!(tokens.user("y.2"), None);
        tokio::time::advance(TTL).await;
        assert_eq!(tokens.user("x.1"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_users_tokens_end_with_the_password() {
        let tokens = tokens();
        assign(&tokens, "ann", "x.1");
        assign(&tokens, "bob", "y.2");
        apply(&tokens, Change::UserDelete { name: "ann".into() }, 3);
        assert_eq!(tokens.user("x.1"), None);
        assert_eq!(tokens.user("y.2").as_deref(), Some("bob"));
        let again = Change::Authenticate { name: "ann".into(), token_prefix: "z".into() };
        let expected = Reply::Token { header: Header::default(), token: "z.4".into() };
        assert_eq!(apply(&tokens, again, 4), expected);
        apply(&tokens, Change::Disable, 5);
        assert_eq!((tokens.user("y.2"), tokens.user("z.4")), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn expired_tokens_do_not_pile_up() {
        let tokens = tokens();
        for round in 0..10 {
            for at in 0..LEAST_SWEEP {
                assign(&tokens, "ann", &format!("x{round}.{at}"));
            }
            tokio::time::advance(TTL).await;
        }
        assert!(tokens.table().known.len() <= 2 * LEAST_SWEEP);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lagging_member_waits_for_its_token() {
        let tokens = Arc::new(tokens());
        let waiting = tokio::spawn({
            let tokens = Arc::clone(&tokens);
            async move { tokens.wait_for("x.5", || false, TTL).await }
        });
        tokio::task::yield_now().await;
        assign(&tokens, "bob", "y.4");
        tokio::task::yield_now().await;
        assign(&tokens, "ann", "x.5");
        assert_eq!(waiting.await.expect("the task ends").as_deref(), Some("ann"));
        assert_eq!(tokens.wait_for("z.6", || true, TTL).await, None);
        assert_eq!(tokens.wait_for("z.7", || false, TTL).await, None);
    }
}
