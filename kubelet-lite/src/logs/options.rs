//! What a reader of a log asks for. Pure.

use jiff::{SignedDuration, Timestamp};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
    pub tail_lines: Option<u64>,
    pub limit_bytes: Option<u64>,
    /// Only lines at or after it.
    pub since: Option<Timestamp>,
    pub stream: Stream,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stream {
    #[default]
    All,
    Stdout,
    Stderr,
}

impl Stream {
    pub fn takes(self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Stdout => stream == "stdout",
            Self::Stderr => stream == "stderr",
        }
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid value of {name}: {value:?}")]
pub struct Invalid {
    pub name: String,
    pub value: String,
}

impl Options {
    /// From a query's pairs; those of no meaning here are passed over.
    pub fn parse<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        now: Timestamp,
    ) -> Result<Self, Invalid> {
        let mut options = Self::default();
        for (name, value) in pairs {
            let invalid = || Invalid { name: name.to_owned(), value: value.to_owned() };
            let flag = || match value {
                "" | "true" | "1" => Ok(true),
                "false" | "0" => Ok(false),
                _ => Err(invalid()),
            };
            let number = || value.parse::<u64>().map_err(|_| invalid());
            match name {
                "follow" => options.follow = flag()?,
                "previous" => options.previous = flag()?,
                "timestamps" => options.timestamps = flag()?,
                "tailLines" => options.tail_lines = Some(number()?),
                "limitBytes" => options.limit_bytes = Some(number()?),
                "sinceSeconds" => {
                    let seconds = i64::try_from(number()?).map_err(|_| invalid())?;
                    let since = now.checked_sub(SignedDuration::from_secs(seconds));
                    options.since = Some(since.map_err(|_| invalid())?);
                }
                "sinceTime" => options.since = Some(value.parse().map_err(|_| invalid())?),
                "stream" => {
                    options.stream = match value {
                        "" | "All" => Stream::All,
                        "Stdout" => Stream::Stdout,
                        "Stderr" => Stream::Stderr,
                        _ => return Err(invalid()),
                    }
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_query() {
        let now = Timestamp::from_second(1000).expect("a time");
        let parse =
            |pairs: &[(&'static str, &'static str)]| Options::parse(pairs.iter().copied(), now);
        let options = parse(&[
            ("follow", "true"),
            ("tailLines", "5"),
            ("sinceSeconds", "10"),
            ("stream", "Stderr"),
            ("x", "y"),
        ]);
        let wanted = Options {
            follow: true,
            tail_lines: Some(5),
            since: Timestamp::from_second(990).ok(),
            stream: Stream::Stderr,
            ..Options::default()
        };
        assert_eq!(options, Ok(wanted));
        for bad in
            [("follow", "perhaps"), ("tailLines", "-1"), ("sinceTime", "today"), ("stream", "Both")]
        {
            assert_eq!(parse(&[bad]).expect_err("refused").name, bad.0);
        }
    }
}
