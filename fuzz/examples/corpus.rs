//! Writes well-formed examples for all targets into `corpus/`, for a fuzzer to begin from.

fn main() -> std::io::Result<()> {
    for target in store::fuzzing::TARGETS {
        let dir = std::path::Path::new("corpus").join(target.name);
        std::fs::create_dir_all(&dir)?;
        for (at, example) in (target.examples)().iter().enumerate() {
            std::fs::write(dir.join(format!("example-{at}")), example)?;
        }
    }
    Ok(())
}
