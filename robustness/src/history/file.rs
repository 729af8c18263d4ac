//! Histories on disk: one JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Line;

/// Why a history could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot open {}: {source}; check that it exists and may be used", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("cannot read {} at line {line}: {source}", path.display())]
    Read { path: PathBuf, line: usize, source: std::io::Error },
    #[error(
        "{} line {line} is no line of a history: {source}; remove it or record the history again",
        path.display()
    )]
    Malformed { path: PathBuf, line: usize, source: serde_json::Error },
    #[error("cannot write {} at line {line}: {source}; check the space left", path.display())]
    Write { path: PathBuf, line: usize, source: std::io::Error },
}

/// Reads a history. Empty lines are passed over.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Line>, FileError> {
    let path = path.as_ref();
    let open = |source| FileError::Open { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(open)?);
    let mut lines = Vec::new();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = file.read_until(b'\n', &mut text);
        let read =
            read.map_err(|source| FileError::Read { path: path.to_owned(), line, source })?;
        if read == 0 {
            break;
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed = serde_json::from_slice(&text);
        lines.push(parsed.map_err(|source| FileError::Malformed {
            path: path.to_owned(),
            line,
            source,
        })?);
    }
    Ok(lines)
}

/// Writes a history, in the place of a file that is there.
pub fn write(path: impl AsRef<Path>, lines: &[Line]) -> Result<(), FileError> {
    let mut writer = Writer::create(path)?;
    lines.iter().try_for_each(|line| writer.line(line))?;
    writer.flush()
}

/// Writes lines one after another.
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    written: usize,
}

impl Writer {
    pub(super) fn create(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref().to_owned();
        match File::create(&path) {
            Ok(file) => Ok(Self { path, file: BufWriter::new(file), written: 0 }),
            Err(source) => Err(FileError::Open { path, source }),
        }
    }

    pub(super) fn line(&mut self, line: &Line) -> Result<(), FileError> {
        self.written += 1;
        let written = serde_json::to_writer(&mut self.file, line).map_err(std::io::Error::from);
        written.and_then(|()| self.file.write_all(b"\n")).map_err(|source| self.failed(source))
    }

    pub(super) fn flush(&mut self) -> Result<(), FileError> {
        self.file.flush().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> FileError {
        FileError::Write { path: self.path.clone(), line: self.written, source }
    }
}
