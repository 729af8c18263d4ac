//! Finds the place of a field in a text that is known to be valid JSON.

/// One step from an object or a list to what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Line and column, both from 1, where the value at `path` begins. Where the path leads nowhere, as
/// for a field that is missing, the place of the last step that is there.
pub(super) fn locate(text: &str, path: &[Step]) -> (usize, usize) {
    let mut scanner = Scanner { bytes: text.as_bytes(), position: 0 };
    scanner.skip_space();
    let mut found = scanner.position;
    for step in path {
        let entered = match step {
            Step::Key(key) => scanner.enter_key(key),
            Step::Index(index) => scanner.enter_index(*index),
        };
        if !entered {
            break;
        }
        found = scanner.position;
    }
    let before = &text.as_bytes()[..found.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.position).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.position += 1;
        }
    }

    /// Moves to the value of the last such key, which is the one that counts.
    fn enter_key(&mut self, key: &str) -> bool {
        if self.peek() != b'{' {
            return false;
        }
        self.position += 1;
        let mut found = None;
        loop {
            self.skip_space();
            if self.peek() != b'"' {
                break;
            }
            let start = self.position;
            self.skip_string();
            let name: Option<String> =
                serde_json::from_slice(&self.bytes[start..self.position]).ok();
            self.skip_space();
            self.position += 1; // The colon.
            self.skip_space();
            if name.as_deref() == Some(key) {
                found = Some(self.position);
            }
            self.skip_value();
            self.skip_space();
            if self.peek() != b',' {
                break;
            }
            self.position += 1;
        }
        if let Some(position) = found {
            self.position = position;
        }
        found.is_some()
    }

    fn enter_index(&mut self, index: usize) -> bool {
        if self.peek() != b'[' {
            return false;
        }
        self.position += 1;
        for _ in 0..index {
            self.skip_space();
            self.skip_value();
            self.skip_space();
            if self.peek() != b',' {
                return false;
            }
            self.position += 1;
        }
        self.skip_space();
        true
    }

    fn skip_value(&mut self) {
        match self.peek() {
            b'"' => self.skip_string(),
            b'{' | b'[' => {
                let mut depth = 0usize;
                loop {
                    match self.peek() {
                        0 => return,
                        b'"' => {
                            self.skip_string();
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    self.position += 1;
                    if depth == 0 {
                        return;
                    }
                }
            }
            _ => {
                while !matches!(self.peek(), b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | 0)
                {
                    self.position += 1;
                }
            }
        }
    }

    fn skip_string(&mut self) {
        self.position += 1;
        while !matches!(self.peek(), b'"' | 0) {
            self.position += if self.peek() == b'\\' { 2 } else { 1 };
        }
        self.position = (self.position + 1).min(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found() {
        let text = "{\n  \"a\": [1, {\"b}\": \"x,\\\"]\", \"c\": true}],\n  \"d\" : 5\n}";
        let key = |name: &str| Step::Key(name.to_owned());
        let rows: [(&[Step], (usize, usize)); 7] = [
            (&[], (1, 1)),
            (&[key("a")], (2, 8)),
            (&[key("a"), Step::Index(0)], (2, 9)),
            (&[key("a"), Step::Index(1), key("b}")], (2, 19)),
            (&[key("a"), Step::Index(1), key("c")], (2, 33)),
            (&[key("d")], (3, 9)),
            (&[key("a"), Step::Index(1), key("missing")], (2, 12)),
        ];
        for (path, place) in rows {
            assert_eq!(locate(text, path), place, "{path:?}");
        }
        // Whatever the text, nothing is read past its end.
        for end in 0..text.len() {
            locate(&text[..end], &[key("a"), Step::Index(1), key("c")]);
        }
    }
}
