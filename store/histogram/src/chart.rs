//! Histograms as lines of text.

use std::fmt;

use crate::Histogram;

/// Named histograms, one below the other.
#[derive(Clone, Debug, Default)]
pub struct AsciiChart {
    series: Vec<(String, Histogram)>,
}

impl AsciiChart {
    pub fn new() -> Self {
        Self::default()
    }

    #[allow(clippy::should_implement_trait)] // The original's name.
    pub fn add(mut self, name: &str, histogram: Histogram) -> Self {
        self.series.push((name.to_owned(), histogram));
        self
    }

    /// Every bucket with its count.
    pub fn detailed(&self) -> impl fmt::Display + '_ {
        Detailed(self)
    }
}

struct Detailed<'a>(&'a AsciiChart);

impl fmt::Display for Detailed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, histogram) in &self.0.series {
            writeln!(formatter, "{name}")?;
            for (bound, count) in histogram.filled() {
                writeln!(formatter, "{bound:>22} {count}")?;
            }
        }
        Ok(())
    }
}
