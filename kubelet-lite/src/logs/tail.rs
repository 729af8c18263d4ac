//! Finds where the last lines of a file begin, reading it from its end.

use std::io::SeekFrom;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt};

const BLOCK: u64 = 64 * 1024;

/// The offset of the last `lines` lines. A last line without an end counts.
pub async fn offset<F: AsyncRead + AsyncSeek + Unpin>(
    file: &mut F,
    lines: u64,
) -> std::io::Result<u64> {
    let size = file.seek(SeekFrom::End(0)).await?;
    if lines == 0 {
        return Ok(size);
    }
    let mut left = lines;
    let mut end = size;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start)).await?;
        block.clear();
        (&mut *file).take(end - start).read_to_end(&mut block).await?;
        for (at, byte) in block.iter().enumerate().rev() {
            let position = start + at as u64;
            // The end of the last line does not begin another.
            if *byte != b'\n' || position + 1 == size {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok(position + 1);
            }
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    #[tokio::test]
    async fn counts_lines_from_the_end() {
        let text = "a\nbb\nccc\n";
        for (lines, wanted) in [(0, 9), (1, 5), (2, 2), (3, 0), (9, 0)] {
            let found = super::offset(&mut Cursor::new(text), lines).await.expect("read");
            assert_eq!(found, wanted, "{lines}");
        }
        assert_eq!(super::offset(&mut Cursor::new("a\nb"), 1).await.expect("read"), 2);
        assert_eq!(super::offset(&mut Cursor::new(""), 1).await.expect("read"), 0);
        let long = "x".repeat(100) + "\n";
        let long = long.repeat(2000);
        let found = super::offset(&mut Cursor::new(&long), 1500).await.expect("read");
        assert_eq!(found, 500 * 101);
    }
}
