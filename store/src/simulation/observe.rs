//! News of what members apply, to whoever watches over all of them.

use std::cell::RefCell;

/// A member's state has come to a log entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    pub member_id: u64,
    pub term: u64,
    pub index: u64,
    /// A checksum of the entry; `None` where a snapshot brought the state here.
    pub entry: Option<u32>,
    /// The store's revision after the entry.
    pub revision: i64,
    /// A checksum of the whole state after the entry.
    pub state: u32,
}

/// Takes news.
pub type Observer = Box<dyn FnMut(Applied)>;

thread_local! {
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// From now on `observer` hears of all that members of this thread apply.
pub fn observe(observer: Observer) {
    OBSERVER.set(Some(observer));
}

/// Tells the observer, if there is one.
pub(crate) fn applied(news: impl FnOnce() -> Applied) {
    OBSERVER.with_borrow_mut(|observer| {
        if let Some(observer) = observer {
            observer(news());
        }
    });
}
