//! What the judges found.

use std::fmt;

use serde::Serialize;

/// How many violations are told in full; a broken history can have as many as lines.
pub(super) const VIOLATIONS_TOLD: usize = 100;

/// What can be wrong with a history. `Display` gives the stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The history itself is wrong: whoever recorded it has to be looked at.
    MalformedHistory,
    /// A revision that so few requests cannot have reached.
    ImpossibleRevision,
    /// An acknowledged write that the store does not have.
    LostWrite,
    /// One write that was done at two revisions.
    DuplicatedWrite,
    /// A write that was refused, and was done.
    RefusedButDone,
    /// A value that nobody wrote, or not to that key.
    UnwrittenValue,
    /// A write that shows at another revision than it was acknowledged at.
    WrongRevision,
    /// Two acknowledged writes that stand at the same revision.
    RevisionClaimedTwice,
    /// A revision that nothing made.
    RevisionGap,
    /// A change that no request and no expiry explains.
    UnexplainedChange,
    /// A write that took a revision which had been seen before it was asked for.
    WriteOutOfOrder,
    /// A linearizable answer from before what had been answered already.
    StaleRead,
    /// A read that does not show the keys of its revision.
    WrongRead,
    /// A write whose answer does not tell what it did.
    WrongAnswer,
    /// A write whose answer tells of another value before it.
    WrongPrevKv,
    /// A refusal without its reason.
    WrongRefusal,
    /// A compaction that nobody asked for, or beyond what was asked.
    UnaskedCompaction,
    /// A revision was read after it was compacted.
    ReadBelowCompaction,
    /// A lease ran out before its time.
    EarlyExpiry,
    /// A lease that was answered, used or kept alive after it ended.
    LeaseAfterEnd,
    /// A lease that nobody granted.
    UnknownLease,
    /// No order of the requests explains their answers.
    NotLinearizable,
    /// An event outside the watch's range.
    WatchUnfiltered,
    /// Events that came before older ones.
    WatchUnordered,
    /// An event that came twice.
    WatchDuplicate,
    /// Events of one revision that came in more than one answer.
    WatchSplitRevision,
    /// An event that never came, although later ones did.
    WatchMissedEvent,
    /// An event of a change that never happened.
    WatchInventedEvent,
    /// An event that shows another key-value than was written.
    WatchWrongEvent,
    /// An event with another value before it than there was, with none, or with one not asked for.
    WatchWrongPrevKv,
    /// An event from before the revision that was asked for.
    WatchBeforeStart,
    /// Progress was told before the events up to it.
    WatchProgressOvertook,
    /// A watch that goes on with another left out events, or repeated some.
    WatchNotResumed,
    /// An answer on a watch that was not there yet, or had ended.
    WatchMisplacedAnswer,
    /// A watch was ended by a compaction that did not concern it.
    WatchWronglyCompacted,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub kind: Kind,
    /// Numbers of the lines concerned, from 1 as in a file, in order.
    pub lines: Vec<usize>,
    pub text: String,
}

impl Violation {
    /// `lines` are indices, from 0.
    pub(super) fn new(
        kind: Kind,
        lines: impl IntoIterator<Item = usize>,
        text: impl Into<String>,
    ) -> Self {
        let mut lines: Vec<usize> = lines.into_iter().map(|line| line + 1).collect();
        lines.sort_unstable();
        lines.dedup();
        Self { kind, lines, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)?;
        if !self.lines.is_empty() {
            let lines: Vec<String> = self.lines.iter().map(usize::to_string).collect();
            write!(f, " (lines {})", lines.join(", "))?;
        }
        Ok(())
    }
}

/// How the search for an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// There is an order.
    Ok,
    /// There is none.
    Violation,
    /// The bound was reached before either was known.
    Undecided,
    /// The history has more operations than are searched.
    NotTried,
}

/// What all judges say of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Empty: the history is fine. At most a named number; `omitted` counts the others.
    pub violations: Vec<Violation>,
    pub omitted: usize,
    pub operations: usize,
    /// Operations whose outcome nobody was told.
    pub unknown: usize,
    pub watches: usize,
    /// Events that came on watches.
    pub events: usize,
    /// The last revision that was seen.
    pub revision: i64,
    pub search: Search,
}

impl Verdict {
    pub fn is_fine(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether a violation of `kind` was found.
    pub fn names(&self, kind: Kind) -> bool {
        self.violations.iter().any(|violation| violation.kind == kind)
    }

    pub(super) fn add(&mut self, violations: impl IntoIterator<Item = Violation>) {
        for violation in violations {
            if self.violations.contains(&violation) {
                continue;
            }
            if self.violations.len() < VIOLATIONS_TOLD {
                self.violations.push(violation);
            } else {
                self.omitted += 1;
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let search = match self.search {
            Search::Ok => "an order was found by search",
            Search::Violation => "no order was found by search",
            Search::Undecided => "the search was given up undecided",
            Search::NotTried => "too long to search",
        };
        writeln!(
            f,
            "{} operations ({} unanswered), {} watches with {} events, revision {}; {search}",
            self.operations, self.unknown, self.watches, self.events, self.revision,
        )?;
        if self.is_fine() {
            return write!(f, "fine: nothing was lost and nothing lied");
        }
        write!(f, "violated: {}", self.violations.len() + self.omitted)?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        if self.omitted > 0 {
            write!(f, "\n  and {} more", self.omitted)?;
        }
        Ok(())
    }
}
