//! At which revision a LIST, GET or WATCH reads: upstream's rules, as one decision.

use api::Status;
use api::validation::FieldError;

use super::continue_token::ContinueToken;
use crate::registry::Query;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// Everything acknowledged before the request.
    Latest,
    /// Whatever is at hand (`resourceVersion=0`).
    Any,
    NotOlderThan(i64),
    Exact(i64),
    /// The next page.
    Continue(ContinueToken),
}

/// Decides for a LIST.
pub fn read_at(query: &Query) -> Result<ReadAt, Status> {
    let version = query.get("resourceVersion");
    let matching = query.get("resourceVersionMatch");
    let token = query.get("continue");
    check_match(version, matching, token)?;
    if query.has("sendInitialEvents") {
        return Err(invalid(FieldError::forbidden(
            "sendInitialEvents",
            "sendInitialEvents is forbidden for list",
        )));
    }
    if let Some(token) = token {
        if version.is_some_and(|version| version != "0") {
            return Err(Status::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        return ContinueToken::decode(token).map(ReadAt::Continue);
    }
    let Some(version) = version else { return Ok(ReadAt::Latest) };
    let revision = parse_version(version)?;
    let limited = query.integer("limit")?.is_some_and(|limit| limit > 0);
    Ok(match matching {
        _ if revision == 0 => ReadAt::Any,
        Some("Exact") => ReadAt::Exact(revision),
        None if limited => ReadAt::Exact(revision),
        _ => ReadAt::NotOlderThan(revision),
    })
}

fn check_match(
    version: Option<&str>,
    matching: Option<&str>,
    token: Option<&str>,
) -> Result<(), Status> {
    const FIELD: &str = "resourceVersionMatch";
    let Some(matching) = matching else { return Ok(()) };
    let error = if version.is_none() {
        FieldError::forbidden(
            FIELD,
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        )
    } else if token.is_some() {
        FieldError::forbidden(FIELD, "resourceVersionMatch is forbidden when continue is provided")
    } else if !matches!(matching, "Exact" | "NotOlderThan") {
        FieldError::not_supported(FIELD, matching, &["Exact", "NotOlderThan", ""])
    } else if matching == "Exact" && version == Some("0") {
        FieldError::forbidden(
            FIELD,
            "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
        )
    } else {
        return Ok(());
    };
    Err(invalid(error))
}

/// Where a WATCH begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchStart {
    pub at: ReadAt,
    /// Whether the objects that exist come first, as additions.
    pub initial_events: bool,
    /// Whether a marked bookmark tells the end of those.
    pub marks_end: bool,
}

/// Decides for a WATCH.
pub fn watch_start(query: &Query) -> Result<WatchStart, Status> {
    let version = query.get("resourceVersion");
    let matching = query.get("resourceVersionMatch");
    let asked = query.has("sendInitialEvents").then(|| query.flag("sendInitialEvents"));
    match (asked, matching) {
        (Some(_), Some("NotOlderThan")) | (None, None) => {}
        (Some(_), _) => {
            return Err(invalid(FieldError::forbidden(
                "resourceVersionMatch",
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            )));
        }
        (None, Some(_)) => {
            return Err(invalid(FieldError::forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )));
        }
    }
    if query.get("continue").is_some() {
        return Err(invalid(FieldError::forbidden("continue", "continue is forbidden for watch")));
    }
    let at = match version.map(parse_version).transpose()? {
        None => ReadAt::Latest,
        Some(0) => ReadAt::Any,
        Some(revision) => ReadAt::NotOlderThan(revision),
    };
    let from_now = matches!(at, ReadAt::Latest | ReadAt::Any);
    Ok(WatchStart {
        initial_events: asked.unwrap_or(from_now),
        marks_end: asked == Some(true) && query.flag("allowWatchBookmarks"),
        at,
    })
}

pub fn parse_version(text: &str) -> Result<i64, Status> {
    text.parse::<i64>().ok().filter(|revision| *revision >= 0).ok_or_else(|| {
        invalid(FieldError::invalid(
            "resourceVersion",
            text,
            "must be a resource version that this server gave out",
        ))
    })
}

fn invalid(error: FieldError) -> Status {
    Status::invalid("meta.k8s.io", "ListOptions", "", &[error])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_where_its_options_say() {
        let rows = [
            ("", Ok(ReadAt::Latest)),
            ("resourceVersion=", Ok(ReadAt::Latest)),
            ("resourceVersion=0", Ok(ReadAt::Any)),
            ("resourceVersion=7", Ok(ReadAt::NotOlderThan(7))),
            ("resourceVersion=7&limit=5", Ok(ReadAt::Exact(7))),
            (
                "resourceVersion=7&limit=5&resourceVersionMatch=NotOlderThan",
                Ok(ReadAt::NotOlderThan(7)),
            ),
            ("resourceVersion=7&resourceVersionMatch=Exact", Ok(ReadAt::Exact(7))),
            ("resourceVersion=0&resourceVersionMatch=NotOlderThan", Ok(ReadAt::Any)),
            ("resourceVersionMatch=Exact", Err(422)),
            ("resourceVersion=0&resourceVersionMatch=Exact", Err(422)),
            ("resourceVersion=7&resourceVersionMatch=Near", Err(422)),
            ("resourceVersion=x", Err(422)),
            ("continue=x", Err(400)),
            ("sendInitialEvents=true", Err(422)),
        ];
        for (query, expected) in rows {
            let found = read_at(&Query::parse(Some(query))).map_err(|status| status.code);
            assert_eq!(found, expected, "{query}");
        }
    }

    #[test]
    fn a_continued_list_takes_no_version() {
        let token = ContinueToken { revision: 3, start: "a\0".into() }.encode();
        let ask = |rest: &str| {
            let query = format!("continue={token}{rest}");
            read_at(&Query::parse(Some(&query))).map(|_| ()).map_err(|status| status.code)
        };
        assert_eq!(ask(""), Ok(()));
        assert_eq!(ask("&resourceVersion=3"), Err(400));
        assert_eq!(ask("&resourceVersion=3&resourceVersionMatch=Exact"), Err(422));
    }

    #[test]
    fn a_watch_begins_where_its_options_say() {
        let start =
            |at, initial_events, marks_end| Ok(WatchStart { at, initial_events, marks_end });
        let rows = [
            ("", start(ReadAt::Latest, true, false)),
            ("resourceVersion=0", start(ReadAt::Any, true, false)),
            (
                "resourceVersion=5&allowWatchBookmarks=true",
                start(ReadAt::NotOlderThan(5), false, false),
            ),
            (
                "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
                start(ReadAt::Latest, true, true),
            ),
            (
                "sendInitialEvents=false&resourceVersionMatch=NotOlderThan",
                start(ReadAt::Latest, false, false),
            ),
            ("sendInitialEvents=true", Err(422)),
            ("resourceVersion=5&resourceVersionMatch=NotOlderThan", Err(422)),
        ];
        for (query, expected) in rows {
            let found = watch_start(&Query::parse(Some(query))).map_err(|status| status.code);
            assert_eq!(found, expected, "{query}");
        }
    }
}
