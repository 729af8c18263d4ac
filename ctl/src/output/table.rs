//! `-w table`: frames as etcdctl's table writer draws them. Headings are in capitals and centred,
//! cells to the right; a cell with words is broken into lines of at most thirty characters.

use super::answer::{self, Answer, Rows};

/// Widest line of a cell, unless one word is longer.
const CELL_WIDTH: usize = 30;

pub fn print(answer: &Answer<'_>) -> Option<String> {
    let rows = match answer {
        Answer::Members(response) => answer::members(response),
        Answer::Health(answers) => answer::health(answers),
        Answer::Status(answers) => answer::status(answers),
        Answer::HashKv(answers) => answer::hash_kv(answers),
        Answer::Snapshot(status) => answer::snapshot(status),
        Answer::FileHash(hash) => answer::file_hash(hash),
        Answer::Get { .. }
        | Answer::Put(_)
        | Answer::Del(_)
        | Answer::Txn(_)
        | Answer::Watch(_)
        | Answer::Granted(_)
        | Answer::Revoked { .. }
        | Answer::KeptAlive(_)
        | Answer::TimeToLive { .. }
        | Answer::Leases(_)
        | Answer::MemberAdded(_)
        | Answer::MemberChanged { .. }
        | Answer::LeaderMoved { .. }
        | Answer::Alarms(_)
        | Answer::Downgrade { .. }
        | Answer::Done { .. }
        | Answer::AuthStatus(_)
        | Answer::User { .. }
        | Answer::Users(_)
        | Answer::Role { .. }
        | Answer::Roles(_) => return None,
    };
    Some(draw(&rows))
}

fn draw(rows: &Rows) -> String {
    let headings: Vec<Vec<String>> = rows
        .headings
        .iter()
        .map(|heading| wrap(&heading.replace('_', " ").to_uppercase()))
        .collect();
    let cells: Vec<Vec<Vec<String>>> =
        rows.rows.iter().map(|row| row.iter().map(|cell| wrap(cell)).collect()).collect();
    let mut widths = vec![0; headings.len()];
    for row in std::iter::once(&headings).chain(&cells) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width =
                cell.iter().map(|line| line.chars().count()).chain([*width]).max().unwrap_or(0);
        }
    }
    let frame: String = widths.iter().map(|width| format!("+{}", "-".repeat(width + 2))).collect();
    let frame = format!("{frame}+\n");
    let mut out = frame.clone();
    lines(&mut out, &headings, &widths, |text, width| {
        let gap = width - text.chars().count();
        let left = gap / 2;
        format!("{}{text}{}", " ".repeat(left), " ".repeat(gap - left))
    });
    out.push_str(&frame);
    for row in &cells {
        lines(&mut out, row, &widths, |text, width| format!("{text:>width$}"));
    }
    if !cells.is_empty() {
        out.push_str(&frame);
    }
    out
}

fn lines(
    out: &mut String,
    row: &[Vec<String>],
    widths: &[usize],
    align: impl Fn(&str, usize) -> String,
) {
    let height = row.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        for (cell, width) in row.iter().zip(widths) {
            let text = cell.get(line).map_or("", String::as_str);
            out.push_str(&format!("| {} ", align(text, *width)));
        }
        out.push_str("|\n");
    }
}

/// Breaks a cell at spaces so that the lines are evenly long: the sum of the squares of what they
/// leave empty is least, the last line apart.
fn wrap(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split([' ', '\n']).collect();
    let lengths: Vec<usize> = words.iter().map(|word| word.chars().count()).collect();
    let limit = lengths.iter().copied().max().unwrap_or(0).max(CELL_WIDTH);
    let count = words.len();
    let length = |from: usize, to: usize| {
        lengths[from..to].iter().sum::<usize>() + (to - from).saturating_sub(1)
    };
    let mut cost = vec![usize::MAX; count + 1];
    let mut breaks = vec![count; count];
    for from in (0..count).rev() {
        if length(from, count) <= limit {
            cost[from] = 0;
            continue;
        }
        for to in from + 1..count {
            let Some(empty) = limit.checked_sub(length(from, to)) else { break };
            let total = cost[to].saturating_add(empty * empty);
            if total < cost[from] {
                (cost[from], breaks[from]) = (total, to);
            }
        }
    }
    let mut lines = Vec::new();
    let mut from = 0;
    while from < count {
        lines.push(words[from..breaks[from]].join(" "));
        from = breaks[from];
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_drawn_as_etcdctl_draws_it() {
        let rows = Rows {
            headings: &["endpoint", "hash_revision", "e"],
            rows: vec![vec![
                "127.0.0.1:2379".to_owned(),
                "7".to_owned(),
                "failed to commit proposal: context deadline exceeded".to_owned(),
            ]],
        };
        let expected = "\
+----------------+---------------+----------------------------+
|    ENDPOINT    | HASH REVISION |             E              |
+----------------+---------------+----------------------------+
| 127.0.0.1:2379 |             7 | failed to commit proposal: |
|                |               |  context deadline exceeded |
+----------------+---------------+----------------------------+
";
        assert_eq!(draw(&rows), expected);
    }

    #[test]
    fn a_long_word_widens_its_cell() {
        let word = "https://a-very-long-name.example.com:2379";
        assert_eq!(wrap(word), [word]);
        assert_eq!(wrap(""), [""]);
        assert_eq!(wrap(&format!("a b {word}")), ["a b", word]);
    }
}
