//! The same command lines with this program and with stock etcdctl, each against a fresh server of
//! the same kind at the same address: standard output, exit code and, where the server speaks, its
//! words must be the same to the byte.
//!
//! Skipped where there is no etcd, or no etcdctl 3.6. `CTL_TEST_SERVER` and `CTL_TEST_ETCDCTL`
//! name other files than those on the path.

mod support;

use std::path::Path;

use support::{Following, Outcome, Server, free_port, ours, run, server, stock};

/// One command line.
#[derive(Clone, Copy)]
struct Step {
    /// Words; `$1`, `$2` … are ids that earlier steps told.
    line: &'static [&'static str],
    input: &'static str,
    kind: Kind,
    /// Standard error must be the same too.
    says: bool,
    /// Only the exit code must be the same: each tells of mistakes, and helps, in its own words.
    code_only: bool,
    /// Times, and sizes on disk, differ from run to run.
    timed: bool,
    /// The word of the output that is remembered as the next id.
    tells: Option<usize>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Runs to its end.
    Ends,
    /// Is told to end after so many lines.
    Lines(usize),
}

const fn of(line: &'static [&'static str]) -> Step {
    Step {
        line,
        input: "",
        kind: Kind::Ends,
        says: false,
        code_only: false,
        timed: false,
        tells: None,
    }
}

impl Step {
    const fn reads(self, input: &'static str) -> Self {
        Self { input, ..self }
    }
    const fn says(self) -> Self {
        Self { says: true, ..self }
    }
    const fn code_only(self) -> Self {
        Self { code_only: true, ..self }
    }
    const fn timed(self) -> Self {
        Self { timed: true, ..self }
    }
    const fn tells(self, word: usize) -> Self {
        Self { tells: Some(word), ..self }
    }
    const fn lines(self, count: usize) -> Self {
        Self { kind: Kind::Lines(count), ..self }
    }
}

/// Runs all steps and gives what each said, ids and times made alike.
fn transcript(program: &Path, server: &Path, port: u16, steps: &[Step]) -> Vec<Outcome> {
    let server = Server::start(server, port);
    let mut ids: Vec<String> = Vec::new();
    let mut outcomes = Vec::new();
    for step in steps {
        let mut words: Vec<String> = vec!["--endpoints".to_owned(), server.endpoint.clone()];
        words.extend(step.line.iter().map(|word| filled(word, &ids)));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let input = filled(step.input, &ids);
        let mut outcome = match step.kind {
            Kind::Ends => run(program, &words, &input),
            Kind::Lines(count) => {
                let following = Following::start(program, &words, &input);
                let out = following.take(count).join("\n");
                Outcome { code: following.end(), out, err: String::new() }
            }
        };
        if let Some(word) = step.tells {
            let id = outcome.out.split_whitespace().nth(word);
            ids.push(id.unwrap_or_else(|| panic!("{:?}: {outcome:?}", step.line)).to_owned());
        }
        for text in [&mut outcome.out, &mut outcome.err] {
            *text = text
                .lines()
                .filter(|line| !line.starts_with("{\"level\""))
                .map(|line| format!("{}\n", alike(line, &ids, step.timed)))
                .collect();
        }
        if !step.says {
            outcome.err.clear();
        }
        if step.code_only {
            outcome.out.clear();
        }
        outcomes.push(outcome);
    }
    outcomes
}

fn filled(word: &str, ids: &[String]) -> String {
    let numbered = ids.iter().enumerate();
    numbered.fold(word.to_owned(), |word, (at, id)| word.replace(&format!("${}", at + 1), id))
}

/// Replaces ids by their numbers, in hexadecimal and decimal, and times by a mark.
fn alike(line: &str, ids: &[String], timed: bool) -> String {
    let mut line = line.to_owned();
    for (at, id) in ids.iter().enumerate() {
        let number = u64::from_str_radix(id, 16).expect("ids are hexadecimal");
        for form in [id.clone(), format!("{number:x}"), number.to_string()] {
            line = line.replace(&form, &format!("<{}>", at + 1));
        }
    }
    if let Some(members) = line.strip_prefix("ETCD_INITIAL_CLUSTER=\"") {
        // In the order of ids, which are random for members that are added.
        let mut members: Vec<&str> = members.trim_end_matches('"').split(',').collect();
        members.sort_unstable();
        line = format!("ETCD_INITIAL_CLUSTER={members:?}");
    }
    if timed { without_times(&line) } else { line }
}

/// Numbers that a unit of time follows become `<time>`, those of whole pages and with a unit of
/// size `<size>`; frames and blanks shrink to one character.
fn without_times(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let follows = |units: &[&'static str]| {
            let mut units = units.iter();
            units.find(|unit| rest[digits..].starts_with(**unit)).map(|unit| unit.len())
        };
        if digits > 0 {
            let pages = rest[..digits]
                .parse()
                .is_ok_and(|number: u64| number > 0 && number.is_multiple_of(4096));
            let (text, unit) = match (follows(&["ms", "µs", "s"]), follows(&[" kB", "%"])) {
                (Some(unit), _) => ("<time>", unit),
                (None, Some(unit)) => ("<size>", unit),
                (None, None) if pages => ("<size>", 0),
                (None, None) => (&rest[..digits], 0),
            };
            out.push_str(text);
            rest = &rest[digits + unit..];
            continue;
        }
        if !(matches!(first, ' ' | '-') && out.ends_with(first)) {
            out.push(first);
        }
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// Runs the steps with both programs and compares, telling of all that differ.
fn compare(name: &str, steps: &[Step]) {
    let (Some(server), Some(stock)) = (server(), stock()) else {
        println!("SKIPPED {name}: etcd and etcdctl 3.6 are not installed");
        return;
    };
    let port = free_port();
    let theirs = transcript(&stock, &server, port, steps);
    let ours = transcript(&ours(), &server, port, steps);
    let mut differences = 0;
    for ((step, theirs), ours) in steps.iter().zip(&theirs).zip(&ours) {
        if theirs != ours {
            differences += 1;
            println!("{:?}\n  theirs: {theirs:?}\n    ours: {ours:?}", step.line.join(" "));
        }
    }
    assert_eq!(differences, 0, "{name}: of {} command lines these differ", steps.len());
}

const FORMS: [&str; 5] = ["simple", "json", "fields", "table", "protobuf"];

/// The line in every form.
fn in_all_forms(line: &'static [&'static str]) -> impl Iterator<Item = Step> {
    let with = move |form: &'static str| {
        let words = [&["-w", form], line].concat();
        of(Box::leak(words.into_boxed_slice()))
    };
    FORMS.into_iter().map(with)
}

#[test]
fn keys() {
    let mut steps = vec![
        of(&["put", "a/1", "one"]),
        of(&["put", "a/2", "two"]),
        of(&["put", "a/1", "uno", "--prev-kv"]),
        of(&["put", "a/3"]).reads("three\nlines\n"),
        of(&["put", "a/3"]),
        of(&["put", "--", "-b", "-v"]),
        of(&["put", "<&>", "\u{7f}\t\"quoted\" \\ größe"]),
        of(&["put", "a/2", "--ignore-value"]),
        of(&["put", "a/2", "x", "--ignore-value"]),
        of(&["put", "missing", "--ignore-value"]).says(),
        of(&["put", "a/2", "x", "--lease", "1f"]).says(),
        of(&["put", "a/2", "x", "--lease", "xyz"]),
        of(&["put", "", "x"]).says(),
        of(&["put"]),
        of(&["get"]),
        of(&["get", "a/1"]),
        of(&["get", "a/1", "a/3"]),
        of(&["get", "a/", "--prefix"]),
        of(&["get", "", "--prefix"]),
        of(&["get", "", "--from-key"]),
        of(&["get", "", "--from-key", "--hex"]),
        of(&["get", "a/", "--prefix", "--keys-only"]),
        of(&["get", "a/", "--prefix", "--keys-only=false", "--print-value-only"]),
        of(&["get", "a/", "--prefix", "--count-only"]).says(),
        of(&["get", "a/", "--prefix", "--count-only", "-w", "fields"]),
        of(&["get", "a/", "--prefix", "--count-only", "-w", "json"]).says(),
        of(&["get", "a/", "--prefix", "--print-value-only", "-w", "json"]).says(),
        of(&["get", "a/", "--prefix", "--limit=1", "-w", "json"]),
        of(&["get", "a/", "--prefix", "--order=DESCEND"]),
        of(&["get", "a/", "--prefix", "--order=ascend", "--sort-by=modify"]),
        of(&["get", "a/", "--prefix", "--sort-by", "VERSION", "--order", "descend"]),
        of(&["get", "a/", "--prefix", "--sort-by", "VALUE"]),
        of(&["get", "a/", "--prefix", "--sort-by", "create", "--order=descend"]),
        of(&["get", "a/", "--prefix", "--order=up"]),
        of(&["get", "a/", "--prefix", "--sort-by=size"]),
        of(&["get", "a/", "--prefix", "--consistency=s"]),
        of(&["get", "a/", "--prefix", "--consistency=x"]),
        of(&["get", "a/1", "--rev=2"]),
        of(&["get", "a/1", "--rev", "99"]).says(),
        of(&["get", "a/1", "--rev", "-1"]),
        of(&["get", "a/", "--prefix", "--min-mod-rev", "4"]),
        of(&["get", "a/", "--prefix", "--max-mod-rev", "3"]),
        of(&["get", "a/", "--prefix", "--min-create-rev", "3", "--max-create-rev", "5"]),
        of(&["get", "a/", "b", "--prefix"]).says(),
        of(&["get", "a/", "--prefix", "--from-key"]).says(),
        of(&["get", "a/", "--keys-only", "--count-only"]).says(),
        of(&["get", "missing"]),
        of(&["get", "a", "-w", "xml"]),
        of(&["get", "a", "--frobnicate"]).code_only(),
        of(&["frobnicate"]).code_only(),
    ];
    steps.extend(in_all_forms(&["get", "", "--prefix"]));
    steps.extend(in_all_forms(&["get", "", "--prefix", "--hex"]));
    steps.extend(in_all_forms(&["put", "f", "v", "--prev-kv"]));
    steps.extend(in_all_forms(&["del", "f", "--prev-kv"]));
    steps.extend([
        of(&["del", "a/1", "--prev-kv"]),
        of(&["del", "a/", "--prefix", "--prev-kv"]),
        of(&["del", "-w", "json", "x", "--prev-kv"]),
        of(&["del", "a", "b", "--range"]),
        of(&["del", "a", "b"]).says(),
        of(&["del", "a", "b", "--prefix"]).says(),
        of(&["del", "a", "--prefix", "--from-key"]).says(),
        of(&["del"]),
        of(&["del", "", "--from-key"]),
        of(&["compaction", "3"]),
        of(&["compaction", "3"]).says(),
        of(&["compaction", "4", "--physical"]),
        of(&["compaction", "999"]).says(),
        of(&["compaction", "x"]),
        of(&["compaction"]),
        of(&["get", "a/1", "--rev=2"]).says(),
    ]);
    compare("keys", &steps);
}

#[test]
fn transactions() {
    const SCRIPT: &str = "mod(\"k\") = \"0\"\n\nput k \"a b\" --prev-kv\nget k\n\nget k\ndel k\n\n";
    const ALL: &str = "ver(\"k\") > \"0\"\nc(\"k\") != \"0\"\nvalue(\"k\") < \"b\"\nval(\"k\") = \"a b\"\n\n\
        put 'raw \\n' \"\\x00\\xff\"\nget --prefix \"\" --limit 2\n\ndel k --prev-kv\nput k v\n\n";
    let mut steps = vec![
        of(&["txn"]).reads(SCRIPT),
        of(&["txn"]).reads(SCRIPT),
        of(&["txn", "-i"]).reads(SCRIPT),
        of(&["txn", "--interactive"]).reads(ALL),
        of(&["txn", "--hex"]).reads(ALL),
        of(&["txn"]).reads("\n\n\n"),
        of(&["txn"]).reads(""),
        of(&["txn"]).reads("mod(\"k\") = \"0\"\n\nput k v\n"),
        of(&["txn"]).reads("mod(k) = \"0\"\n\n\n\n"),
        of(&["txn"]).reads("mod(\"k\") = \"x\"\n\n\n\n"),
        of(&["txn"]).reads("size(\"k\") = \"1\"\n\n\n\n"),
        of(&["txn"]).reads("\nfrob k\n\n\n"),
        of(&["txn"]).reads("\nput k v\nput k w\n\n\n").says(),
        of(&["txn"]).reads("\nput k v --lease 1f\n\n\n").says(),
        of(&["txn", "x"]),
    ];
    for form in FORMS {
        let words: &'static [&'static str] = Box::leak(Box::new(["-w", form, "txn"]));
        steps.push(of(words).reads(ALL));
    }
    compare("transactions", &steps);
}

#[test]
fn watches() {
    const EXEC: &str =
        "echo $ETCD_WATCH_REVISION $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE";
    let steps = [
        of(&["put", "w/1", "one"]),
        of(&["put", "w/2", "two \"2\""]),
        of(&["del", "w/1"]),
        of(&["watch", "w/1", "--rev", "1"]).lines(6),
        of(&["watch", "w/", "--prefix", "--rev", "1"]).lines(9),
        of(&["watch", "w/", "w0", "--rev", "1", "--hex"]).lines(9),
        of(&["watch", "w/1", "--rev=1", "--prev-kv"]).lines(8),
        of(&["watch", "w/", "--prefix", "--rev", "1", "-w", "json"]).lines(1),
        of(&["watch", "w/", "--prefix", "--rev", "1", "-w", "fields", "--prev-kv"]).lines(31),
        of(&["watch", "w/", "--prefix", "--rev", "1", "--", "sh", "-c", EXEC]).lines(12),
        of(&["watch", "w/", "--prefix", "--rev=1", "--", "sh", "-c", "exit 3"]),
        of(&["watch", "-i"]).reads("watch w/1 --rev 1\n").lines(6),
        of(&["watch", "-i"]).reads("watch --prefix w/ --rev 1 --prev-kv\n").lines(11),
        of(&["watch", "-i"]).reads("frob\n"),
        of(&["watch", "w/", "w0", "--prefix"]),
        of(&["watch"]),
        of(&["compaction", "3"]),
        of(&["watch", "w/1", "--rev", "1"]),
        of(&["watch", "w/1", "--rev", "1", "-w", "json"]),
    ];
    compare("watches", &steps);
}

#[test]
fn leases() {
    let mut steps = vec![of(&["lease", "grant", "3600"]).tells(1)];
    for form in FORMS {
        let line = |words: &[&'static str]| -> &'static [&'static str] {
            Box::leak([&["-w", form], words].concat().into_boxed_slice())
        };
        steps.extend([
            of(line(&["lease", "timetolive", "$1"])).timed(),
            of(line(&["lease", "timetolive", "$1", "--keys"])).timed(),
            of(line(&["lease", "keep-alive", "--once", "$1"])),
            of(line(&["lease", "list"])),
        ]);
    }
    steps.extend([
        of(&["put", "--lease", "$1", "mine", "v"]),
        of(&["get", "mine", "-w", "json"]),
        of(&["get", "mine", "-w", "fields"]),
        of(&["get", "mine", "-w", "fields", "--hex"]),
        of(&["lease", "timetolive", "$1", "--keys"]).timed(),
        of(&["lease", "timetolive", "$1", "--keys", "-w", "fields"]),
        of(&["lease", "timetolive", "$1", "--hex", "-w", "fields"]),
        of(&["lease", "keep-alive", "$1"]).lines(1),
        of(&["lease", "revoke", "$1"]),
        of(&["get", "mine"]),
        of(&["lease", "revoke", "$1"]).says(),
        of(&["lease", "timetolive", "$1"]),
        of(&["lease", "timetolive", "$1", "-w", "json"]),
        of(&["lease", "keep-alive", "$1"]),
        of(&["lease", "keep-alive", "$1", "--once"]).says(),
        of(&["lease", "list"]),
        of(&["lease", "list", "-w", "json"]),
        of(&["lease", "grant", "600"]).tells(1),
        of(&["lease", "revoke", "$2", "-w", "json"]),
        of(&["lease", "grant", "600"]).tells(1),
        of(&["lease", "revoke", "$3", "-w", "fields"]),
        of(&["lease", "grant", "9999999999"]).says(),
        of(&["lease", "grant", "x"]),
        of(&["lease", "revoke", "x"]),
    ]);
    compare("leases", &steps);
}

#[test]
fn members_and_endpoints() {
    let mut steps: Vec<Step> = in_all_forms(&["member", "list"]).collect();
    steps.extend(in_all_forms(&["member", "list", "--hex"]));
    steps.extend(in_all_forms(&["member", "list", "--consistency=s"]));
    steps.extend(in_all_forms(&["endpoint", "health"]).map(Step::timed));
    steps.extend(in_all_forms(&["endpoint", "health", "--cluster"]).map(Step::timed));
    steps.extend(in_all_forms(&["endpoint", "status"]).map(Step::timed));
    steps.extend(in_all_forms(&["endpoint", "status", "--cluster"]).map(Step::timed));
    steps.extend(in_all_forms(&["endpoint", "hashkv"]));
    steps.extend(in_all_forms(&["endpoint", "hashkv", "--rev", "1"]));
    steps.extend(in_all_forms(&["alarm", "list"]));
    steps.extend([
        of(&["alarm", "disarm"]),
        of(&["alarm", "disarm", "-w", "json"]),
        of(&["defrag"]).timed(),
        of(&["defrag", "--cluster"]).timed(),
        of(&["endpoint", "hashkv", "--rev", "99"]),
        of(&["member", "add", "two"]),
        of(&["member", "add", "two", "http://127.0.0.1:9"]),
        of(&["member", "add", "two", "--peer-urls=127.0.0.1:9"]),
        of(&["member", "add", "two", "--peer-urls=http://127.0.0.1:9", "--learner"]).tells(1),
        of(&["member", "add", "three", "--peer-urls=http://127.0.0.1:8", "--learner"]).says(),
        of(&["member", "add", "two", "--peer-urls=http://127.0.0.1:9"]),
        of(&["member", "update", "$1", "--peer-urls=http://127.0.0.1:10"]),
        of(&["member", "update", "$1"]),
        of(&["member", "promote", "$1"]).says(),
        of(&["member", "promote", "1"]).says(),
        of(&["member", "remove", "$1"]),
        of(&["member", "remove", "$1"]).says(),
        of(&["member", "remove", "x"]),
        of(&["member", "list"]),
        of(&["move-leader", "1"]).says(),
        of(&["move-leader"]),
        of(&["downgrade", "validate", "3.5"]),
        of(&["downgrade", "validate", "3.5", "-w", "json"]),
        of(&["downgrade", "validate", "3.4"]).says(),
        of(&["downgrade", "validate", "x"]).says(),
        of(&["downgrade", "cancel"]).says(),
        of(&["downgrade", "enable"]),
    ]);
    compare("members and endpoints", &steps);
}

#[test]
fn users_and_roles() {
    let mut steps = vec![
        of(&["auth", "status"]),
        of(&["auth", "enable"]).says(),
        of(&["user", "add", "root:secret"]),
        of(&["user", "add", "root:secret"]).says(),
        of(&["user", "add", "ann:a:b"]),
        of(&["user", "add", "bob", "--interactive=false"]).reads("word and more\n"),
        of(&["user", "add", "cn", "--no-password"]),
        of(&["user", "add", "dan", "--new-user-password", "x"]),
        of(&["user", "add", ":x"]),
        of(&["user", "add", "eve"]).code_only(),
        of(&["user", "passwd", "dan", "--interactive=false"]).reads("y\n"),
        of(&["user", "passwd", "nobody", "--interactive=false"]).reads("y\n").says(),
        of(&["role", "add", "r"]),
        of(&["role", "add", "r"]).says(),
        of(&["role", "grant-permission", "r", "read", "a"]),
        of(&["role", "grant-permission", "r", "WRITE", "b", "c"]),
        of(&["role", "grant-permission", "r", "readwrite", "p/", "--prefix"]),
        of(&["role", "grant-permission", "r", "readwrite", "z", "--from-key"]),
        of(&["role", "grant-permission", "r", "all", "z"]),
        of(&["role", "grant-permission", "r", "read"]),
        of(&["role", "grant-permission", "nobody", "read", "a"]).says(),
        of(&["role", "grant-permission", "r", "read", "a", "b", "--prefix"]),
        of(&["role", "add", "all"]),
        of(&["role", "grant-permission", "all", "readwrite", "", "--prefix"]),
    ];
    steps.extend(in_all_forms(&["role", "get", "r"]));
    steps.extend(in_all_forms(&["role", "get", "all"]));
    steps.extend(in_all_forms(&["role", "list"]));
    steps.extend([
        of(&["role", "get", "nobody"]).says(),
        of(&["role", "revoke-permission", "r", "a"]),
        of(&["role", "revoke-permission", "r", "b", "c"]),
        of(&["role", "revoke-permission", "r", "z", "--from-key"]),
        of(&["role", "revoke-permission", "r", "a"]).says(),
        of(&["user", "grant-role", "ann", "r"]),
        of(&["user", "grant-role", "ann", "all"]),
        of(&["user", "grant-role", "ann", "nobody"]).says(),
        of(&["user", "get", "ann", "--detail"]),
        of(&["user", "revoke-role", "ann", "all"]),
        of(&["user", "revoke-role", "ann", "all"]).says(),
        of(&["user", "grant-role", "ann"]),
    ]);
    steps.extend(in_all_forms(&["user", "get", "ann"]));
    steps.extend(in_all_forms(&["user", "list"]));
    steps.extend(in_all_forms(&["auth", "status"]));
    steps.extend(in_all_forms(&["role", "add", "again"]));
    steps.extend([
        of(&["user", "delete", "dan"]),
        of(&["user", "delete", "dan"]).says(),
        of(&["role", "delete", "again"]),
        of(&["auth", "enable"]),
        of(&["auth", "enable"]).says(),
        of(&["get", "a"]).says(),
        of(&["--user", "root:secret", "role", "get", "root"]),
        of(&["--user", "root", "--password", "secret", "user", "list"]),
        of(&["--user", "root:wrong", "user", "list"]).says(),
        of(&["--user", "ann:a:b", "put", "p/1", "v"]),
        of(&["--user", "ann:a:b", "get", "p/", "--prefix"]),
        of(&["--user", "ann:a:b", "get", "a"]).says(),
        of(&["--user", "ann:a:b", "watch", "p/", "--prefix", "--rev", "1"]).lines(3),
        of(&["--user", "ann:a:b", "watch", "q", "--rev", "1"]),
        of(&["--user", "ann:a:b", "endpoint", "health"]).timed(),
        of(&["--user", "root:secret", "endpoint", "health", "--cluster"]).timed(),
        of(&["--user", "ann:a:b", "user", "list"]).says(),
        of(&["--user", "root:secret", "auth", "disable"]),
        of(&["--user", "root:secret", "get", "p/1"]),
        of(&["auth", "status", "x"]),
    ]);
    compare("users and roles", &steps);
}

#[test]
fn locks_and_elections() {
    const TELL: &str = "echo rev $ETCD_LOCK_REV";
    let steps = [
        of(&["lock", "l", "--", "sh", "-c", TELL]),
        of(&["lock", "l", "--ttl=5", "echo", "held"]),
        of(&["lock", "l", "--", "sh", "-c", "exit 3"]).says(),
        of(&["lock", "l", "no-such-program"]),
        of(&["lock"]),
        of(&["elect", "e"]).says(),
        of(&["elect", "e", "p", "-l"]).says(),
        of(&["elect"]),
        of(&["get", "l", "--prefix"]),
    ];
    compare("locks and elections", &steps);
}
