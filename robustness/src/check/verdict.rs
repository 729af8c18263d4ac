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
    /// Which unanswered writes were done was not found within the bound: what else the judge by
    /// revisions says may come from a wrong guess.
    GivenUp,
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

    fn places(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(usize::to_string).collect();
        lines.join(",")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)?;
        if !self.lines.is_empty() {
            write!(f, " (lines {})", self.places())?;
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

/// For people: the figures, then a table of what is wrong.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let search = match self.search {
            Search::Ok => "found an order",
            Search::Violation => "found no order",
            Search::Undecided => "given up undecided",
            Search::NotTried => "not tried: too long",
        };
        writeln!(f, "operations  {} ({} unanswered)", self.operations, self.unknown)?;
        writeln!(f, "watches     {} ({} events)", self.watches, self.events)?;
        writeln!(f, "revision    {}", self.revision)?;
        writeln!(f, "search      {search}")?;
        if self.is_fine() {
            return write!(f, "verdict     fine");
        }
        writeln!(f, "verdict     violated ({})", self.violations.len() + self.omitted)?;
        self.table(f)
    }
}

impl Verdict {
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |violation: &Violation| (violation.kind.to_string(), violation.places());
        let cells: Vec<(String, String)> = self.violations.iter().map(told).collect();
        let kind = cells.iter().map(|(kind, _)| kind.len()).max().unwrap_or(0).max("KIND".len());
        let lines = cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
        let lines = lines.max("LINES".len());
        write!(f, "\n{:kind$}  {:lines$}  WHAT", "KIND", "LINES")?;
        for ((name, places), violation) in cells.iter().zip(&self.violations) {
            write!(f, "\n{name:kind$}  {places:lines$}  {}", violation.text)?;
        }
        if self.omitted > 0 {
            write!(f, "\nand {} more", self.omitted)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> Verdict {
        Verdict {
            violations: Vec::new(),
            omitted: 0,
            operations: 3,
            unknown: 1,
            watches: 2,
            events: 7,
            revision: 5,
            search: Search::Ok,
        }
    }

    #[test]
    fn names_are_stable() {
        for (kind, name) in [
            (Kind::LostWrite, "lost-write"),
            (Kind::WrongPrevKv, "wrong-prev-kv"),
            (Kind::WatchMissedEvent, "watch-missed-event"),
        ] {
            assert_eq!(kind.to_string(), name);
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
    }

    #[test]
    fn people_see_figures_and_a_table() {
        let mut verdict = verdict();
        assert!(verdict.to_string().ends_with("verdict     fine"));
        verdict.add([
            Violation::new(Kind::LostWrite, [11, 3], "operation 1 is lost"),
            Violation::new(Kind::WatchDuplicate, [4], "watch 1 was told twice"),
        ]);
        let expected = "\
operations  3 (1 unanswered)
watches     2 (7 events)
revision    5
search      found an order
verdict     violated (2)

KIND             LINES  WHAT
lost-write       4,12   operation 1 is lost
watch-duplicate  5      watch 1 was told twice";
        assert_eq!(verdict.to_string(), expected);
    }

    #[test]
    fn no_more_is_told_than_people_read() {
        let mut verdict = verdict();
        let one = |line| Violation::new(Kind::WrongRead, [line], "wrong");
        verdict.add((0..VIOLATIONS_TOLD + 5).map(one));
        assert_eq!((verdict.violations.len(), verdict.omitted), (VIOLATIONS_TOLD, 5));
        assert!(verdict.to_string().ends_with("and 5 more"));
    }
}
