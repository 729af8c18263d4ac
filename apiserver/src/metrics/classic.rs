//! From the OpenMetrics text that the encoder writes to Prometheus' text format 0.0.4, which is what
//! upstream serves and every scraper reads. The samples are the same; a counter is announced under
//! its samples' name (`…_total`), and there are neither units nor an end mark.

use std::fmt::Write;

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Rewrites the comments of an exposition. `# HELP` comes before `# TYPE` of the same family.
pub fn classic(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len() + 1024);
    let mut help = None;
    for line in open_metrics.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        match comment.split_once(' ') {
            Some(("HELP", rest)) => help = rest.split_once(' '),
            Some(("TYPE", rest)) => {
                let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
                let suffix = if kind == "counter" { "_total" } else { "" };
                if let Some((_, text)) = help.take().filter(|(of, _)| *of == name) {
                    writeln!(out, "# HELP {name}{suffix} {text}")
                        .expect("writing to memory cannot fail");
                }
                writeln!(out, "# TYPE {name}{suffix} {kind}")
                    .expect("writing to memory cannot fail");
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_announced_as_their_samples_are_named() {
        let open = "# HELP a Requests so far.\n# TYPE a counter\na_total{x=\"# y\"} 3\n\
                    # HELP b_seconds Time.\n# TYPE b_seconds histogram\n# UNIT b_seconds seconds\n\
                    b_seconds_sum 1.0\nb_seconds_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let classic_text = "# HELP a_total Requests so far.\n# TYPE a_total counter\n\
                            a_total{x=\"# y\"} 3\n# HELP b_seconds Time.\n\
                            # TYPE b_seconds histogram\nb_seconds_sum 1.0\n\
                            b_seconds_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(classic(open), classic_text);
    }
}
