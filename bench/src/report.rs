//! Figures as rows of a Markdown table.

/// Minimum, median and maximum of some runs.
pub fn row(name: &str, unit: &str, samples: &[f64]) {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |fraction: f64| sorted[((sorted.len() - 1) as f64 * fraction).round() as usize];
    if sorted.is_empty() {
        return println!("| {name} | – | – | – | {unit} |");
    }
    println!("| {name} | {:.3} | {:.3} | {:.3} | {unit} |", at(0.0), at(0.5), at(1.0));
}

pub fn heading(title: &str) {
    println!("\n### {title}\n\n| figure | min | median | max | unit |\n|---|---|---|---|---|");
}

/// One measured value.
pub fn value(name: &str, unit: &str, value: f64) {
    println!("| {name} | | {value:.3} | | {unit} |");
}
