//! The commands of `docs/operations.md`.

const DOCUMENT: &str = include_str!("../../../docs/operations.md");

/// Stands in the document for the addresses and certificates of the member.
const ETC: &str = "…";

/// The commands below the heading `title`, one a line, as an operator pastes them.
fn commands(title: &str) -> Vec<String> {
    let heading = format!("## {title}\n");
    let (_, section) = DOCUMENT.split_once(&heading).unwrap_or_else(|| panic!("no {title:?}"));
    let section = section.split("\n## ").next().expect("there is a first");
    let blocks = section.split("```\n").skip(1).step_by(2);
    let joined = blocks.map(|block| block.replace("\\\n", " "));
    joined.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The command below `title` that begins with `start`. There is one.
pub fn command(title: &str, start: &str) -> String {
    let found: Vec<_> =
        commands(title).into_iter().filter(|command| command.starts_with(start)).collect();
    let [one] = &found[..] else { panic!("{title:?} has of {start:?}: {found:?}") };
    let etc = match one.contains(ETC) {
        true => every_start(),
        false => String::new(),
    };
    one.replace(ETC, &etc)
}

/// The first start of a member.
pub fn first_start() -> String {
    command("Three members with TLS", "coracle store")
}

/// What belongs to every start: all that follows `--initial-cluster` in the first.
fn every_start() -> String {
    let first = first_start();
    let (_, rest) = first.split_once("--initial-cluster ").expect("it founds a cluster");
    let (_, rest) = rest.trim_start().split_once(' ').expect("more follows");
    rest.to_owned()
}
