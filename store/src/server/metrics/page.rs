//! The text format.

use std::fmt::{Display, Write};

use crate::wal::SyncTimes;

/// A page under construction. Writing into a string cannot fail, so the results are dropped.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn finish(self) -> String {
        self.0
    }

    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn value(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// A value with labels, whose text is escaped.
    pub(super) fn labelled(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "{name}{{");
        for (at, (label, text)) in labels.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(self.0, "{comma}{label}=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        let _ = writeln!(self.0, "}} {value}");
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.value(name, value);
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "counter", help);
        self.value(name, value);
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, times: &SyncTimes) {
        self.head(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in times.cumulative() {
            self.labelled(&bucket, &[("le", &bound.to_string())], count);
        }
        self.labelled(&bucket, &[("le", "+Inf")], times.count());
        self.value(&format!("{name}_sum"), times.total_seconds());
        self.value(&format!("{name}_count"), times.count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_text_format() {
        let mut page = Page::default();
        page.gauge("a", "An a.", 1);
        page.labelled("b", &[("x", "1"), ("y", "\"\\\n")], 2.5);
        let expected = "# HELP a An a.\n# TYPE a gauge\na 1\nb{x=\"1\",y=\"\\\"\\\\\\n\"} 2.5\n";
        assert_eq!(page.finish(), expected);
    }
}
