//! What many requests took, and what that amounts to.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::output::line;

#[derive(Debug, Default)]
pub struct Report {
    /// Seconds, of each request that was answered.
    took: Vec<f64>,
    errors: BTreeMap<String, usize>,
}

/// Seconds, and requests a second.
#[derive(Debug, PartialEq)]
pub struct Figures {
    pub rate: f64,
    pub slowest: f64,
    pub deviation: f64,
}

impl Report {
    pub fn note(&mut self, took: Duration, outcome: anyhow::Result<()>) {
        match outcome {
            Ok(()) => self.took.push(took.as_secs_f64()),
            Err(error) => *self.errors.entry(format!("{error:#}")).or_default() += 1,
        }
    }

    pub fn figures(&self, total: Duration) -> Figures {
        let count = self.took.len().max(1) as f64;
        let mean = self.took.iter().sum::<f64>() / count;
        let variance = self.took.iter().map(|took| (took - mean).powi(2)).sum::<f64>() / count;
        Figures {
            rate: self.took.len() as f64 / total.as_secs_f64().max(f64::MIN_POSITIVE),
            slowest: self.took.iter().copied().fold(0.0, f64::max),
            deviation: variance.sqrt(),
        }
    }

    /// Prints failures, if there were any; whether there were none.
    pub fn print_errors(&self) -> anyhow::Result<bool> {
        if self.errors.is_empty() {
            return Ok(true);
        }
        line(format_args!("FAIL: too many errors"))?;
        for (error, count) in &self.errors {
            line(format_args!("FAIL: ERROR({error}) -> {count}"))?;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_from_what_was_noted() {
        let mut report = Report::default();
        for millis in [100, 300] {
            report.note(Duration::from_millis(millis), Ok(()));
        }
        report.note(Duration::from_secs(9), Err(anyhow::anyhow!("refused")));
        let figures = report.figures(Duration::from_secs(4));
        assert_eq!((figures.rate, figures.slowest), (0.5, 0.3));
        assert!((figures.deviation - 0.1).abs() < 1e-9);
        assert!(!report.print_errors().expect("standard output is open"));
    }
}
